//! Draws how latencies are distributed: percentiles by their nines, times by their magnitude.
//!
//! From left to right each tenth part of what is left is as wide as the one before: 0, 90, 99,
//! 99.9 %. So the few slowest have as much room as the many.

use std::fmt::Write as _;

use hdrhistogram::Histogram;

use crate::bench::numbers::{grouped, microseconds, real, time};

/// Draws a histogram of nanoseconds; `title` is escaped.
pub(super) fn draw(histogram: &Histogram<u64>, title: &str) -> String {
    let scale = Scale::new(histogram);
    let mut svg = String::new();
    // Writing to a String can't fail, here and below.
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         role=\"img\" aria-label=\"Latency by percentile\">\n<style>{STYLE}</style>\n\
         <rect class=\"paper\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n"
    );
    let _ = writeln!(
        svg,
        "<text class=\"title\" x=\"{LEFT}\" y=\"26\">{}</text>\n\
         <text class=\"note\" x=\"{LEFT}\" y=\"44\">latency by percentile, {} messages</text>",
        escape(title),
        grouped(real(histogram.len()))
    );
    draw_grid(&scale, &mut svg);
    let mut path = String::new();
    let mut draw_to = |quantile: f64, ns: u64| {
        let (x, y) = (scale.x(quantile), scale.y(microseconds(ns)));
        let verb = if path.is_empty() { 'M' } else { 'L' };
        let _ = write!(path, "{verb}{x:.1} {y:.1}");
    };
    draw_to(0.0, histogram.min());
    for step in histogram.iter_quantiles(STEPS_PER_HALVING) {
        if step.quantile_iterated_to() < 1.0 {
            draw_to(step.quantile_iterated_to(), step.value_iterated_to());
        }
    }
    draw_to(1.0, histogram.max());
    let _ = writeln!(svg, "<path class=\"line\" d=\"{path}\"/>");
    draw_marks(histogram, &scale, &mut svg);
    svg.push_str("</svg>\n");
    svg
}

fn draw_grid(scale: &Scale, svg: &mut String) {
    let bottom = HEIGHT - BOTTOM;
    for (quantile, name) in scale.percentiles() {
        let x = scale.x(quantile);
        let _ = writeln!(
            svg,
            "<path class=\"grid\" d=\"M{x:.1} {TOP}V{bottom}\"/>\
             <text class=\"note middle\" x=\"{x:.1}\" y=\"{:.0}\">{name}</text>",
            bottom + 20.0
        );
    }
    for us in scale.times() {
        let y = scale.y(us);
        let right = WIDTH - RIGHT;
        let _ = writeln!(
            svg,
            "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{right}\"/>\
             <text class=\"note end\" x=\"{:.0}\" y=\"{:.1}\">{}</text>",
            LEFT - 8.0,
            y + 4.0,
            short_time(us)
        );
    }
}

/// Writes the figures that are asked for most: below the line, which only rises.
fn draw_marks(histogram: &Histogram<u64>, scale: &Scale, svg: &mut String) {
    for quantile in [0.5, 0.9, 0.99, 0.999, 0.9999] {
        if scale.x(quantile) >= scale.x(1.0) - 60.0 {
            break;
        }
        let us = microseconds(histogram.value_at_quantile(quantile));
        let (x, y) = (scale.x(quantile), scale.y(us));
        let _ = writeln!(
            svg,
            "<circle class=\"mark\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\"/>\
             <text class=\"value\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            x + 6.0,
            y + 18.0,
            time(us)
        );
    }
    let us = microseconds(histogram.max());
    let (x, y) = (scale.x(1.0), scale.y(us));
    let _ = writeln!(
        svg,
        "<circle class=\"mark\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\"/>\
         <text class=\"value end\" x=\"{x:.1}\" y=\"{:.1}\">max {}</text>",
        y - 9.0,
        time(us)
    );
}

/// Where things are on the picture.
#[derive(Debug)]
struct Scale {
    /// Nines at the right end.
    max_nines: f64,
    /// Times at the bottom and at the top, in microseconds.
    min_us: f64,
    max_us: f64,
}

impl Scale {
    fn new(histogram: &Histogram<u64>) -> Self {
        let min_us = microseconds(histogram.min().max(1));
        let max_us = microseconds(histogram.max().max(1));
        Self {
            max_nines: real(histogram.len().max(1)).log10().ceil().clamp(2.0, 7.0),
            min_us: steps()
                .take_while(|step| *step <= min_us)
                .last()
                .unwrap_or(MIN_US),
            // Never equal to the one at the bottom.
            max_us: steps().find(|step| *step > max_us).unwrap_or(MAX_US),
        }
    }

    fn x(&self, quantile: f64) -> f64 {
        let nines = if quantile < 1.0 {
            -(1.0 - quantile).log10()
        } else {
            self.max_nines
        };
        LEFT + (WIDTH - LEFT - RIGHT) * (nines / self.max_nines).min(1.0)
    }

    fn y(&self, us: f64) -> f64 {
        let share = (us / self.min_us).log10() / (self.max_us / self.min_us).log10();
        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share.clamp(0.0, 1.0)
    }

    /// Percentiles that have a line, and how they are written.
    fn percentiles(&self) -> impl Iterator<Item = (f64, String)> {
        let mut percentiles = vec![(0.0, "0 %".to_owned())];
        if self.x(0.5) - self.x(0.0) >= MIN_NAME_WIDTH {
            percentiles.push((0.5, "50 %".to_owned()));
        }
        let mut rest = 1.0;
        let mut name = String::new();
        let mut nines = 1.0;
        while nines <= self.max_nines {
            rest /= 10.0;
            name.push('9');
            let name = match name.len() {
                1 => "90".to_owned(),
                2 => name.clone(),
                _ => format!("{}.{}", &name[..2], &name[2..]),
            };
            percentiles.push((1.0 - rest, format!("{name} %")));
            nines += 1.0;
        }
        percentiles.into_iter()
    }

    /// Times that have a line: 1, 2 and 5 of each magnitude, or 1 alone if they are many.
    fn times(&self) -> Vec<f64> {
        let all: Vec<f64> = steps()
            .filter(|step| (self.min_us..=self.max_us).contains(step))
            .collect();
        if all.len() <= MAX_TIME_COUNT {
            return all;
        }
        let is_magnitude = |us: &f64| (us.log10() - us.log10().round()).abs() < 0.01;
        all.into_iter().filter(is_magnitude).collect()
    }
}

/// 1, 2 and 5 of each magnitude, in microseconds, from a nanosecond on.
fn steps() -> impl Iterator<Item = f64> {
    let magnitudes = (-3..10).map(|power| 10_f64.powi(power));
    magnitudes.flat_map(|magnitude| [1.0, 2.0, 5.0].map(|digit| digit * magnitude))
}

/// Writes one of the steps, which have one digit that is not 0.
fn short_time(us: f64) -> String {
    if us < 0.9 {
        format!("{:.0} ns", us * 1e3)
    } else if us < 0.9e3 {
        format!("{us:.0} µs")
    } else if us < 0.9e6 {
        format!("{:.0} ms", us / 1e3)
    } else {
        format!("{:.0} s", us / 1e6)
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            _ if character.is_control() => {}
            _ => escaped.push(character),
        }
    }
    escaped
}

const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 40.0;
const TOP: f64 = 76.0;
const BOTTOM: f64 = 40.0;

/// Points of the line each time that what is left of the messages halves.
const STEPS_PER_HALVING: u32 = 8;

const MIN_US: f64 = 0.001;
const MAX_US: f64 = 1e10;

/// What a percentile's name needs beside the one before; with seven nines, half of the messages have
/// less.
const MIN_NAME_WIDTH: f64 = 32.0;

/// Lines of time that can stand above one another and be read.
const MAX_TIME_COUNT: usize = 14;

/// Readable on white and on black, as the reader has it.
const STYLE: &str = "\
text{font:12px system-ui,sans-serif;fill:#1f2328}.title{font-size:15px;font-weight:600}\
.note{fill:#59636e}.middle{text-anchor:middle}.end{text-anchor:end}.value{font-weight:600}\
.paper{fill:#fff}.grid{stroke:#d1d9e0;fill:none}\
.line{stroke:#0969da;stroke-width:2;fill:none;stroke-linejoin:round}.mark{fill:#0969da}\
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.note{fill:#9198a1}.paper{fill:#0d1117}\
.grid{stroke:#3d444d}.line{stroke:#4493f8}.mark{fill:#4493f8}}";

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(values_ns: &[u64]) -> Histogram<u64> {
        let mut histogram = crate::bench::tally::new_histogram();
        for value_ns in values_ns {
            histogram.saturating_record(*value_ns);
        }
        histogram
    }

    #[test]
    fn each_nine_is_as_wide_as_the_one_before() {
        let values: Vec<u64> = (1..=1000).map(|number| number * 1000).collect();
        let scale = Scale::new(&histogram(&values));
        assert_eq!(scale.max_nines, 3.0);
        let nine = scale.x(0.9) - scale.x(0.0);
        assert!((scale.x(0.99) - scale.x(0.9) - nine).abs() < 0.01);
        assert!((scale.x(0.999) - WIDTH + RIGHT).abs() < 0.01);
        assert_eq!(scale.x(1.0), WIDTH - RIGHT);
        let names: Vec<String> = scale.percentiles().map(|(_, name)| name).collect();
        assert_eq!(names, ["0 %", "50 %", "90 %", "99 %", "99.9 %"]);
    }

    #[test]
    fn names_of_percentiles_do_not_touch() {
        for (message_count, is_half_named) in [(1_000_000, true), (10_000_000, false)] {
            let mut histogram = histogram(&[]);
            histogram.saturating_record_n(1000, message_count);
            let scale = Scale::new(&histogram);
            let mut names = scale.percentiles().map(|(_, name)| name);
            assert_eq!(names.any(|name| name == "50 %"), is_half_named);
        }
    }

    #[test]
    fn times_stand_between_round_ones() {
        let scale = Scale::new(&histogram(&[30_000, 1_400_000]));
        assert_eq!((scale.min_us.round(), scale.max_us), (20.0, 2000.0));
        assert!((scale.y(scale.min_us) - HEIGHT + BOTTOM).abs() < 0.01);
        assert!((scale.y(scale.max_us) - TOP).abs() < 0.01);
        let names: Vec<String> = scale.times().into_iter().map(short_time).collect();
        assert_eq!(
            names,
            [
                "20 µs", "50 µs", "100 µs", "200 µs", "500 µs", "1 ms", "2 ms"
            ]
        );
        let wide = Scale::new(&histogram(&[1000, 60_000_000_000]));
        assert!(wide.times().len() <= MAX_TIME_COUNT);
    }

    #[test]
    fn a_picture_of_one_message_or_none_is_whole() {
        for values in [&[][..], &[5], &[5_000_000_000_000]] {
            let svg = draw(&histogram(values), "a & <b>");
            assert!(svg.ends_with("</svg>\n") && svg.contains("a &amp; &lt;b&gt;"));
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }
}
