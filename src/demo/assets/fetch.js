"use strict";
const answer = document.getElementById("answer");
for (const button of document.querySelectorAll("[data-fetch]")) {
  button.addEventListener("click", async () => {
    const path = button.dataset.fetch;
    try {
      const response = await fetch(path, { headers: { accept: "application/json" } });
      const text = await response.text();
      let shown = text;
      try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* not JSON: shown as it is */ }
      answer.textContent = `GET ${path}\n${response.status} ${response.headers.get("content-type")}\n\n${shown}`;
    } catch (error) {
      answer.textContent = `GET ${path}\n${error}`;
    }
  });
}
