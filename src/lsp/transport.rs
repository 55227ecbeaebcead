//! Frames on stdin and stdout: `Content-Length`, a blank line, JSON.
//!
//! Requests are answered in the order in which they come, each on the text as it stood then; one
//! that was cancelled before its turn is answered with "cancelled" and costs nothing. A frame that
//! cannot be read gets an error and harms no other.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{Sink, SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::sync::mpsc;
use tower::{Service as _, ServiceExt as _};
use tower_lsp_server::jsonrpc::{Error, Id, Request, Response};
use tower_lsp_server::{ClientSocket, LanguageServer, LspService};

use crate::bounds::{MAX_EDITOR_FRAME_BYTES, MAX_EDITOR_HEADER_BYTES};

/// Messages that wait for their turn.
const QUEUE: usize = 1_024;

/// What a frame turned out to be.
enum Frame {
    Message(Value),
    /// it cannot be read
    Bad(Error),
    End,
}

/// Serves until `exit`, or until the input ends.
pub async fn serve<S: LanguageServer>(
    mut service: LspService<S>,
    socket: ClientSocket,
    input: impl AsyncRead + Unpin + Send + 'static,
    output: impl AsyncWrite + Unpin + Send + 'static,
) {
    let (mut requests, responses) = socket.split();
    let (out, outgoing) = mpsc::channel::<Value>(QUEUE);
    let (queue, mut incoming) = mpsc::channel::<Request>(QUEUE);
    let cancelled: Arc<Mutex<HashSet<Id>>> = Arc::default();
    let writer = tokio::spawn(write(outgoing, output));
    let reader = tokio::spawn(read(BufReader::new(input), queue, responses, out.clone(), Arc::clone(&cancelled)));
    let calls = {
        let out = out.clone();
        tokio::spawn(async move {
            while let Some(request) = requests.next().await {
                if let Ok(value) = serde_json::to_value(&request)
                    && out.send(value).await.is_err()
                {
                    return;
                }
            }
        })
    };
    while let Some(request) = incoming.recv().await {
        if let Some(id) = request.id()
            && lock(&cancelled).remove(id)
        {
            answer(&out, Response::from_error(id.clone(), Error::request_cancelled())).await;
            continue;
        }
        let exit = request.method() == "exit";
        // A test may run for a while; everything else is answered before the next is looked at.
        let long = request.method() == "workspace/executeCommand";
        let Ok(ready) = service.ready().await else { break };
        let call = ready.call(request);
        if long {
            let out = out.clone();
            tokio::spawn(async move {
                if let Ok(Some(response)) = call.await {
                    answer(&out, response).await;
                }
            });
        } else if let Ok(Some(response)) = call.await {
            answer(&out, response).await;
        }
        if exit {
            break;
        }
    }
    reader.abort();
    calls.abort();
    drop(out);
    // What is answered already gets out; tasks that still hold the channel do not keep us.
    let _ = tokio::time::timeout(std::time::Duration::from_millis(500), writer).await;
}

fn lock(set: &Mutex<HashSet<Id>>) -> std::sync::MutexGuard<'_, HashSet<Id>> {
    set.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(out: &mpsc::Sender<Value>, response: Response) {
    if let Ok(value) = serde_json::to_value(&response) {
        let _ = out.send(value).await;
    }
}

async fn write(mut outgoing: mpsc::Receiver<Value>, mut output: impl AsyncWrite + Unpin) {
    while let Some(value) = outgoing.recv().await {
        let body = value.to_string();
        let frame = format!("Content-Length: {}\r\n\r\n{body}", body.len());
        if output.write_all(frame.as_bytes()).await.is_err() || output.flush().await.is_err() {
            return;
        }
    }
}

async fn read<R: AsyncRead + Unpin>(
    mut input: BufReader<R>,
    queue: mpsc::Sender<Request>,
    mut responses: impl Sink<Response> + Unpin,
    out: mpsc::Sender<Value>,
    cancelled: Arc<Mutex<HashSet<Id>>>,
) {
    loop {
        let value = match frame(&mut input).await {
            Frame::End => return,
            Frame::Bad(error) => {
                answer(&out, Response::from_error(Id::Null, error)).await;
                continue;
            }
            Frame::Message(value) => value,
        };
        if value.get("method").is_none() {
            match serde_json::from_value::<Response>(value) {
                Ok(response) => drop(responses.send(response).await),
                Err(_) => answer(&out, Response::from_error(Id::Null, Error::invalid_request())).await,
            }
            continue;
        }
        let id = value.get("id").cloned().and_then(|id| serde_json::from_value(id).ok()).unwrap_or(Id::Null);
        let Ok(request) = serde_json::from_value::<Request>(value) else {
            answer(&out, Response::from_error(id, Error::invalid_request())).await;
            continue;
        };
        if request.method() == "$/cancelRequest"
            && let Some(id) = request.params().and_then(|params| params.get("id")).cloned()
            && let Ok(id) = serde_json::from_value::<Id>(id)
        {
            let mut cancelled = lock(&cancelled);
            // Cancels of what is answered already would pile up.
            if cancelled.len() >= QUEUE {
                cancelled.clear();
            }
            cancelled.insert(id);
        }
        if queue.send(request).await.is_err() {
            return;
        }
    }
}

/// Reads one frame.
async fn frame<R: AsyncRead + Unpin>(input: &mut BufReader<R>) -> Frame {
    let mut length: Option<u64> = None;
    loop {
        let mut line = Vec::new();
        let most = u64::try_from(MAX_EDITOR_HEADER_BYTES).unwrap_or(u64::MAX);
        match (&mut *input).take(most).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return Frame::End,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim();
        match text.split_once(':') {
            _ if text.is_empty() && length.is_some() => break,
            // What a bad header leaves behind.
            _ if text.is_empty() => {}
            Some((name, value)) if name.trim().eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().ok();
                if length.is_none() {
                    return Frame::Bad(Error::parse_error());
                }
            }
            // Other headers say nothing that matters.
            Some((name, _)) if !name.is_empty() && !name.contains([' ', '{', '"']) => {}
            _ => return Frame::Bad(Error::parse_error()),
        }
    }
    let length = length.unwrap_or(0);
    if length > MAX_EDITOR_FRAME_BYTES {
        return match tokio::io::copy(&mut input.take(length), &mut tokio::io::sink()).await {
            Ok(_) => Frame::Bad(Error::invalid_request()),
            Err(_) => Frame::End,
        };
    }
    let mut body = Vec::new();
    match input.take(length).read_to_end(&mut body).await {
        Ok(read) if u64::try_from(read).is_ok_and(|read| read == length) => {}
        _ => return Frame::End,
    }
    match serde_json::from_slice::<Value>(&body) {
        Ok(value) if value.is_object() => Frame::Message(value),
        Ok(_) => Frame::Bad(Error::invalid_request()),
        Err(_) => Frame::Bad(Error::parse_error()),
    }
}
