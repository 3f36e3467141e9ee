// Shows the screen of the VM that the address's token is for; the token is good once.
const told = document.getElementById("told");
const token = location.hash.slice(1);
history.replaceState(null, "", location.pathname);

async function show() {
  let RFB;
  try {
    RFB = (await import("./novnc/core/rfb.js")).default;
  } catch {
    told.textContent = "noVNC is not installed where cmk serve runs (Debian: novnc).";
    return;
  }
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const place = `${scheme}://${location.host}/client/console/socket?token=${token}`;
  const screen = new RFB(document.getElementById("screen"), place);
  screen.scaleViewport = true;
  screen.focusOnClick = true;
  screen.addEventListener("connect", () => { told.textContent = "Connected."; });
  screen.addEventListener("disconnect", () => {
    told.textContent = "Disconnected. An address is good once: view the console again.";
  });
}

show();
