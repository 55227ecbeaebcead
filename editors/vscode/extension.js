// Starts `ccr-policy lsp` and connects it.
const { workspace, window } = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

async function activate(context) {
  const command = workspace.getConfiguration("ccr-policy").get("path") || "ccr-policy";
  client = new LanguageClient(
    "ccr-policy",
    "ccr-policy",
    { command, args: ["lsp"] },
    { documentSelector: [{ language: "ccr-policy" }] },
  );
  context.subscriptions.push({ dispose: () => deactivate() });
  try {
    await client.start();
  } catch (error) {
    window.showErrorMessage(`ccr-policy: cannot start \`${command} lsp\`: ${error.message}; set "ccr-policy.path"`);
  }
}

function deactivate() {
  return client && client.isRunning() ? client.stop() : undefined;
}

module.exports = { activate, deactivate };
