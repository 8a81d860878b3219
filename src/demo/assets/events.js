"use strict";
const element = (id) => document.getElementById(id);
const source = new EventSource("/events/stream");
source.addEventListener("open", () => { element("state").textContent = "Open."; });
source.addEventListener("error", () => { element("state").textContent = "Closed; the browser tries again."; });
source.addEventListener("tick", (event) => {
  const tick = JSON.parse(event.data);
  element("tick").textContent = tick.tick;
  const lines = [event.data, ...element("log").textContent.split("\n")];
  element("log").textContent = lines.slice(0, 8).join("\n");
});
