// The page of the server's first owner: sends name and password to the one-time link it came from.

import { keep } from "./modules/memory.js";

const form = document.querySelector("#claim");
const error = document.querySelector("#error");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  error.textContent = "";
  const { name, password } = Object.fromEntries(new FormData(form));
  try {
    const response = await fetch(location.pathname, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ name, password }),
    });
    if (response.ok) {
      // The page itself can't see the cookie that came with this.
      keep("stays", name);
      location.replace("/");
      return;
    }
    error.textContent = await reason(response);
  } catch {
    error.textContent = "The server cannot be reached.";
  }
});

async function reason(response) {
  try {
    return (await response.json()).message;
  } catch {
    return "This link was used already.";
  }
}
