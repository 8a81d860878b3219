"use strict";
const element = (id) => document.getElementById(id);
const log = (text) => { element("log").textContent += `${text}\n`; };
const scheme = location.protocol === "https:" ? "wss:" : "ws:";
const socket = new WebSocket(`${scheme}//${location.host}/ws/echo`);
socket.addEventListener("open", () => { element("state").textContent = "Open."; });
socket.addEventListener("message", (event) => log(`← ${event.data}`));
socket.addEventListener("close", (event) => { element("state").textContent = `Closed, code ${event.code}.`; });
element("form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (socket.readyState !== WebSocket.OPEN) return;
  const text = element("message").value;
  log(`→ ${text}`);
  socket.send(text);
});
