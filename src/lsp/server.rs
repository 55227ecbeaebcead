//! The language server: the protocol's requests on one side, the core on the other.
//!
//! Changes are taken at once; checks run on other threads, and what they say about a text that has
//! changed since is thrown away.

mod answers;
mod check;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tower_lsp_server::jsonrpc::{Error, Result};
use tower_lsp_server::ls_types::*;
use tower_lsp_server::{Client, LanguageServer, LspService};

use super::diagnostics::Files;
use super::document::{Document, Encoding};
use super::state::{self, Home, State};
use super::{actions, complete, hover, lenses, navigate, outline, signature, tokens, transport};
use crate::files;

/// What all tasks share.
#[derive(Debug)]
struct Shared {
    client: Client,
    state: Mutex<State>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One editor's server.
#[derive(Debug)]
struct Server {
    shared: Arc<Shared>,
    done: Arc<std::sync::atomic::AtomicBool>,
}

/// Serves an editor on stdin and stdout; true when it said goodbye before it left.
pub async fn serve() -> bool {
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (service, socket) = LspService::new(|client| Server {
        shared: Arc::new(Shared { client, state: Mutex::default() }),
        done: Arc::clone(&done),
    });
    transport::serve(service, socket, tokio::io::stdin(), tokio::io::stdout()).await;
    done.load(std::sync::atomic::Ordering::SeqCst)
}

/// An open text and the policy that it belongs to.
struct Here {
    uri: Uri,
    files: Files,
    document: Document,
}

impl Server {
    fn here(&self, uri: &Uri) -> Option<Here> {
        let state = self.shared.state();
        let document = state.document(uri)?;
        let files = state.files(&state::home_of(uri));
        Some(Here { uri: uri.clone(), files, document })
    }

    /// Runs a question on an open text; None for a text that is not open.
    fn ask<T>(&self, uri: &Uri, answer: impl FnOnce(&Here) -> T) -> Option<T> {
        self.here(uri).map(|here| answer(&here))
    }

    /// The same at a position.
    fn ask_at<T>(&self, at: &TextDocumentPositionParams, answer: impl FnOnce(&Here, usize) -> T) -> Option<T> {
        let here = self.here(&at.text_document.uri)?;
        let offset = here.document.offset(at.position);
        Some(answer(&here, offset))
    }

    /// Reads the files beside an open text.
    fn read_disk(&self, home: &Home, again: bool) {
        let Home::Directory(directory) = home else { return };
        if !again && self.shared.state().has_disk(directory) {
            return;
        }
        let found = read_directory(directory);
        self.shared.state().set_disk(directory, found);
    }

    fn check(&self, home: &Home) {
        check::schedule(&self.shared, home);
    }
}

/// What can be read; a file that cannot is left out, its own check says why.
fn read_directory(directory: &Path) -> Vec<(std::path::PathBuf, String)> {
    let paths = files::list(directory).unwrap_or_default();
    let read = |path: std::path::PathBuf| files::read_one(&path).ok().map(|text| (path, text));
    paths.into_iter().filter_map(read).collect()
}

impl LanguageServer for Server {
    async fn initialize(&self, params: InitializeParams) -> Result<InitializeResult> {
        let offered = params.capabilities.general.and_then(|general| general.position_encodings).unwrap_or_default();
        let encoding = if offered.contains(&PositionEncodingKind::UTF8) { Encoding::Utf8 } else { Encoding::Utf16 };
        let files = params.capabilities.workspace.and_then(|workspace| workspace.did_change_watched_files);
        {
            let mut state = self.shared.state();
            state.encoding = encoding;
            state.can_watch = files.and_then(|files| files.dynamic_registration).unwrap_or(false);
        }
        Ok(InitializeResult {
            capabilities: answers::capabilities(encoding),
            server_info: Some(ServerInfo {
                name: "ccr-policy".to_owned(),
                version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            }),
            offset_encoding: None,
        })
    }

    async fn initialized(&self, _: InitializedParams) {
        if !self.shared.state().can_watch {
            return;
        }
        let shared = Arc::clone(&self.shared);
        // The client answers through the same input: waiting here would wait for ever.
        tokio::spawn(async move { answers::watch_files(&shared.client).await });
    }

    async fn shutdown(&self) -> Result<()> {
        self.done.store(true, std::sync::atomic::Ordering::SeqCst);
        Ok(())
    }

    async fn did_open(&self, params: DidOpenTextDocumentParams) {
        let text = params.text_document;
        let home = self.shared.state().open(text.uri, text.version, &text.text);
        self.read_disk(&home, false);
        self.check(&home);
    }

    async fn did_change(&self, params: DidChangeTextDocumentParams) {
        let text = params.text_document;
        let home = self.shared.state().change(&text.uri, text.version, &params.content_changes);
        if let Some(home) = home {
            self.check(&home);
        }
    }

    async fn did_save(&self, params: DidSaveTextDocumentParams) {
        let home = state::home_of(&params.text_document.uri);
        self.read_disk(&home, true);
        self.check(&home);
    }

    async fn did_close(&self, params: DidCloseTextDocumentParams) {
        let Some(home) = self.shared.state().close(&params.text_document.uri) else { return };
        let gone = self.shared.state().forget(&home);
        if gone.is_empty() {
            self.read_disk(&home, true);
            self.check(&home);
        }
        for uri in gone {
            self.shared.client.publish_diagnostics(uri, Vec::new(), None).await;
        }
    }

    async fn did_change_watched_files(&self, params: DidChangeWatchedFilesParams) {
        let open = self.shared.state().homes();
        let mut homes: Vec<Home> = params.changes.iter().map(|change| state::home_of(&change.uri)).collect();
        homes.sort();
        homes.dedup();
        for home in homes.iter().filter(|home| open.contains(home)) {
            self.read_disk(home, true);
            self.check(home);
        }
    }

    async fn hover(&self, params: HoverParams) -> Result<Option<Hover>> {
        let found = self.ask_at(&params.text_document_position_params, |here, offset| {
            let (value, range) = hover::hover(&state::index(&here.files), &here.document, offset)?;
            let contents = HoverContents::Markup(MarkupContent { kind: MarkupKind::Markdown, value });
            Some(Hover { contents, range: Some(here.document.place(&range)) })
        });
        Ok(found.flatten())
    }

    async fn completion(&self, params: CompletionParams) -> Result<Option<CompletionResponse>> {
        let found = self.ask_at(&params.text_document_position, |here, offset| {
            complete::complete(&state::index(&here.files), &here.document, offset)
        });
        Ok(found.map(CompletionResponse::Array))
    }

    async fn signature_help(&self, params: SignatureHelpParams) -> Result<Option<SignatureHelp>> {
        let at = &params.text_document_position_params;
        Ok(self.ask_at(at, |here, offset| signature::help(&here.document, offset)).flatten())
    }

    async fn goto_definition(&self, params: GotoDefinitionParams) -> Result<Option<GotoDefinitionResponse>> {
        let found = self.ask_at(&params.text_document_position_params, |here, offset| {
            navigate::definition(&state::index(&here.files), &here.document, offset)
        });
        Ok(found.filter(|found| !found.is_empty()).map(GotoDefinitionResponse::Array))
    }

    async fn references(&self, params: ReferenceParams) -> Result<Option<Vec<Location>>> {
        let only = if params.context.include_declaration { None } else { Some(false) };
        Ok(self.ask_at(&params.text_document_position, |here, offset| {
            navigate::references(&state::index(&here.files), &here.document, offset, only)
        }))
    }

    async fn document_highlight(&self, params: DocumentHighlightParams) -> Result<Option<Vec<DocumentHighlight>>> {
        Ok(self.ask_at(&params.text_document_position_params, |here, offset| {
            navigate::highlights(&state::index(&here.files), &here.document, &here.uri, offset)
        }))
    }

    async fn prepare_rename(&self, at: TextDocumentPositionParams) -> Result<Option<PrepareRenameResponse>> {
        let found = self
            .ask_at(&at, |here, offset| navigate::prepare_rename(&state::index(&here.files), &here.document, offset));
        let Some(found) = found else { return Ok(None) };
        let (range, placeholder) = found.map_err(|error| Error::invalid_params(error.to_string()))?;
        Ok(Some(PrepareRenameResponse::RangeWithPlaceholder { range, placeholder }))
    }

    async fn rename(&self, params: RenameParams) -> Result<Option<WorkspaceEdit>> {
        let found = self.ask_at(&params.text_document_position, |here, offset| {
            navigate::rename(&state::index(&here.files), &here.document, offset, &params.new_name)
        });
        let Some(found) = found else { return Ok(None) };
        let changes = found.map_err(|error| Error::invalid_params(error.to_string()))?;
        Ok(Some(WorkspaceEdit { changes: Some(changes), ..WorkspaceEdit::default() }))
    }

    async fn document_symbol(&self, params: DocumentSymbolParams) -> Result<Option<DocumentSymbolResponse>> {
        let found = self.ask(&params.text_document.uri, |here| outline::symbols(&here.document));
        Ok(found.map(DocumentSymbolResponse::Nested))
    }

    async fn symbol(&self, params: WorkspaceSymbolParams) -> Result<Option<WorkspaceSymbolResponse>> {
        let all: Vec<Files> = {
            let state = self.shared.state();
            state.homes().iter().map(|home| state.files(home)).collect()
        };
        let found = all.iter().flat_map(|files| outline::search(&state::index(files), &params.query));
        Ok(Some(WorkspaceSymbolResponse::Nested(found.collect())))
    }

    async fn folding_range(&self, params: FoldingRangeParams) -> Result<Option<Vec<FoldingRange>>> {
        Ok(self.ask(&params.text_document.uri, |here| outline::folds(&here.document)))
    }

    async fn selection_range(&self, params: SelectionRangeParams) -> Result<Option<Vec<SelectionRange>>> {
        Ok(self.ask(&params.text_document.uri, |here| {
            let offsets = params.positions.iter().map(|position| here.document.offset(*position));
            offsets.map(|offset| outline::selection(&here.document, offset)).collect()
        }))
    }

    async fn semantic_tokens_full(&self, params: SemanticTokensParams) -> Result<Option<SemanticTokensResult>> {
        let found = self.ask(&params.text_document.uri, |here| tokens::tokens(&here.document));
        Ok(found.map(|data| SemanticTokensResult::Tokens(SemanticTokens { result_id: None, data })))
    }

    async fn inlay_hint(&self, params: InlayHintParams) -> Result<Option<Vec<InlayHint>>> {
        Ok(self.ask(&params.text_document.uri, |here| {
            lenses::hints(&state::index(&here.files), &here.document, &here.document.range(params.range))
        }))
    }

    async fn code_lens(&self, params: CodeLensParams) -> Result<Option<Vec<CodeLens>>> {
        Ok(self.ask(&params.text_document.uri, |here| lenses::lenses(&here.document, &here.uri)))
    }

    async fn code_action(&self, params: CodeActionParams) -> Result<Option<CodeActionResponse>> {
        let uri = &params.text_document.uri;
        let found = self.shared.state().found(&state::home_of(uri));
        let list = self.ask(uri, |here| {
            // What was found in another text may stand elsewhere by now.
            if here.files != found.files {
                return Vec::new();
            }
            let range = here.document.range(params.range);
            let all = actions::actions(&found.files, &found.findings, uri, &range);
            let only = params.context.only.as_deref();
            all.into_iter().filter(|action| answers::wanted(action, only)).collect()
        });
        Ok(list.map(|list: Vec<CodeAction>| list.into_iter().map(CodeActionOrCommand::CodeAction).collect()))
    }

    async fn formatting(&self, params: DocumentFormattingParams) -> Result<Option<Vec<TextEdit>>> {
        Ok(self.ask(&params.text_document.uri, |here| answers::formatted(&here.document)).flatten())
    }

    async fn execute_command(&self, params: ExecuteCommandParams) -> Result<Option<LSPAny>> {
        if params.command != lenses::RUN_TEST {
            return Err(Error::invalid_params(format!("no command `{}`", params.command)));
        }
        let [uri, title] = params.arguments.as_slice() else {
            return Err(Error::invalid_params("`ccr-policy.runTest` takes a file and a title"));
        };
        let uri: Option<Uri> = uri.as_str().and_then(|text| text.parse().ok());
        let (Some(uri), Some(title)) = (uri, title.as_str()) else {
            return Err(Error::invalid_params("`ccr-policy.runTest` takes a file and a title"));
        };
        check::run_test(&self.shared, &state::home_of(&uri), title).await.map(Some)
    }
}
