"use strict";
const element = (id) => document.getElementById(id);
const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString();
const rows = new Map();

function show(token) {
  element("renewals").textContent = token.renewal ?? "–";
  element("issued").textContent = token.issued ? clock(token.issued) : "–";
  element("left").textContent = token.expires ? `${Math.max(0, token.expires - token.now)} s` : "–";
  if (token.renewal === null) return;
  let row = rows.get(token.renewal);
  if (!row) {
    row = document.createElement("tr");
    for (const text of [token.renewal, clock(token.issued), clock(token.expires), "0"]) {
      row.appendChild(document.createElement("td")).textContent = text;
    }
    element("tokens").prepend(row);
    rows.set(token.renewal, row);
  }
  row.lastChild.textContent = String(Number(row.lastChild.textContent) + 1);
}

async function ask() {
  try {
    const response = await fetch("/api/token", { headers: { accept: "application/json" } });
    if (response.status === 401) {
      element("state").textContent = "401: the session has ended. Load the page again to sign in.";
      return;
    }
    if (response.ok) show(await response.json());
    element("state").textContent = response.ok
      ? "200: signed in, asked every two seconds."
      : `${response.status}: the gateway will try again.`;
  } catch (error) {
    element("state").textContent = String(error);
  }
  setTimeout(ask, 2000);
}
ask();
