//! Holds whoever asks to what they may ask for over all of their connections.

use crate::chat::command::Command;
use crate::chat::error::ChatError;
use crate::chat::hub::{Asking, Hub, Output};
use crate::chat::shares::Charge;

impl Hub {
    /// Takes what a request costs of the shares of whoever asks, if it costs anything.
    pub(super) fn charge_for(
        &mut self,
        asking: &mut Asking<'_>,
        command: &Command,
    ) -> Result<(), ChatError> {
        match Charge::of(command) {
            Some(charge) => self.charge(asking, charge),
            None => Ok(()),
        }
    }

    /// Takes what a request costs of the shares of whoever asks.
    pub(super) fn charge(
        &mut self,
        asking: &mut Asking<'_>,
        charge: Charge,
    ) -> Result<(), ChatError> {
        let whose = (asking.person, asking.context.from);
        let taken = self
            .shares
            .take(&self.policy.allowances, whose, charge, asking.at);
        taken.map_err(|(scope, retry_after_ms)| {
            asking.output.push(Output::Limited(scope));
            ChatError::RateLimited { retry_after_ms }
        })
    }
}
