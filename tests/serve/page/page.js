// What the web UI does, in its order: log in, register, deploy, wait, view the console.
let sessionkey = "";

async function call(command, params = {}, method = "GET") {
  const fields = new URLSearchParams({ command, response: "json", ...params });
  if (sessionkey) fields.set("sessionkey", sessionkey);
  const place = method === "GET" ? `/client/api?${fields}` : "/client/api";
  const answer = await fetch(place, method === "GET" ? {} : { method, body: fields });
  const told = Object.values(await answer.json())[0];
  if (!answer.ok) throw new Error(`${command}: ${told.errortext}`);
  return told;
}

async function job(told) {
  for (;;) {
    const found = await call("queryAsyncJobResult", { jobid: told.jobid });
    if (found.jobstatus === 1) return found.jobresult;
    if (found.jobstatus === 2) throw new Error(found.jobresult.errortext);
    await new Promise((wake) => setTimeout(wake, 200));
  }
}

async function run(password, url) {
  sessionkey = (await call("login", { username: "admin", password, domain: "/" }, "POST")).sessionkey;
  const zoneid = (await call("listZones")).zone[0].id;
  const offering = (await call("listServiceOfferings")).serviceoffering[0].id;
  const registered = await call("registerTemplate", {
    name: "paged", url, zoneid, format: "QCOW2", hypervisor: "KVM", directdownload: "true",
  });
  const templateid = registered.template[0].id;
  const deployed = await call("deployVirtualMachine", {
    zoneid, templateid, serviceofferingid: offering, name: "paged1",
  });
  const vm = (await job(deployed)).virtualmachine;
  const shown = await call("createConsoleEndpoint", { virtualmachineid: vm.id });
  document.getElementById("console").href = shown.consoleendpoint.url;
  return `${vm.name} is ${vm.state}`;
}

document.getElementById("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const [password, url] = ["password", "url"].map((id) => document.getElementById(id).value);
  const told = document.getElementById("told");
  try {
    told.textContent = await run(password, url);
  } catch (problem) {
    told.textContent = `failed: ${problem.message}`;
  }
});
