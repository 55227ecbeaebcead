//! What looks at an answer on its way back: a chain over its events, between the reader of the
//! upstream's wire and the writer of the client's protocol. Whole answers go through the same chain, as
//! the events of their blocks.

use std::sync::Arc;

use super::super::stream::event::{Event, Sink, StreamError};
use super::super::stream::tidy::Tidy;
use super::super::stream::writer::Heading;
use super::emulated::Emulated;
use super::exit_tool::ExitTool;
use super::think_tag::ThinkTag;
use super::tool_repair::ToolRepair;

/// What is done to an answer. In this order, whatever the policy's: thinking is no text any more when
/// calls are looked for in the text, and a call that was found may be that of the exit tool.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StageKind {
    /// `<think>…</think>` becomes thinking
    ThinkTag,
    /// calls of these tools are read from the text
    Emulated(Arc<[String]>),
    /// calls of this tool become text
    ExitTool(&'static str),
    /// inputs of calls are mended
    ToolRepair,
}

#[derive(Debug)]
enum Stage {
    ThinkTag(ThinkTag),
    Emulated(Emulated),
    ExitTool(ExitTool),
    ToolRepair(ToolRepair),
}

/// The chain of one answer.
#[derive(Debug)]
pub(crate) struct Stages {
    stages: Vec<Stage>,
    /// behind all of them, whatever the policy says
    tidy: Tidy,
}

impl Stages {
    /// Those that the request was sent with.
    pub(crate) fn of(heading: &Heading) -> Self {
        let stage = |kind: &StageKind| match kind {
            StageKind::ThinkTag => Stage::ThinkTag(ThinkTag::default()),
            StageKind::Emulated(names) => Stage::Emulated(Emulated::new(Arc::clone(names), &heading.id)),
            StageKind::ExitTool(name) => Stage::ExitTool(ExitTool::new(name)),
            StageKind::ToolRepair => Stage::ToolRepair(ToolRepair::default()),
        };
        Self { stages: heading.back.stages.iter().map(stage).collect(), tidy: Tidy::default() }
    }

    /// Whether the policy has nobody look at the answer.
    pub(crate) fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    /// Whether somebody looks at the text.
    pub(crate) fn seek_text(&self) -> bool {
        self.stages.iter().any(|stage| matches!(stage, Stage::ThinkTag(_) | Stage::Emulated(_)))
    }

    /// Whether anything came out otherwise than it went in.
    pub(crate) fn changed(&self) -> bool {
        self.stages.iter().any(|stage| match stage {
            Stage::ThinkTag(stage) => stage.changed,
            Stage::Emulated(stage) => stage.changed,
            Stage::ExitTool(stage) => stage.changed,
            Stage::ToolRepair(stage) => stage.changed,
        })
    }

    /// Takes an event; what comes of it goes into the sink.
    pub(crate) fn pass(&mut self, event: Event<'_>, sink: Sink<'_>) -> Result<(), StreamError> {
        let tidy = &mut self.tidy;
        run(&mut self.stages, event, &mut |event| tidy.take(event, sink))
    }

    /// Sends what is still held back. For an answer whose reason to stop has come: one that was cut off
    /// is an error, whatever is held.
    pub(crate) fn flush(&mut self, sink: Sink<'_>) -> Result<(), StreamError> {
        let tidy = &mut self.tidy;
        let mut rest = self.stages.as_mut_slice();
        while let Some((first, later)) = std::mem::take(&mut rest).split_first_mut() {
            first.flush(&mut |event| run(later, event, &mut |event| tidy.take(event, sink)))?;
            rest = later;
        }
        tidy.flush(sink)
    }
}

fn run(chain: &mut [Stage], event: Event<'_>, sink: Sink<'_>) -> Result<(), StreamError> {
    match chain.split_first_mut() {
        None => sink(event),
        Some((first, later)) => first.take(event, &mut |event| run(later, event, sink)),
    }
}

impl Stage {
    fn take(&mut self, event: Event<'_>, sink: Sink<'_>) -> Result<(), StreamError> {
        match self {
            Self::ThinkTag(stage) => stage.take(event, sink),
            Self::Emulated(stage) => stage.take(event, sink),
            Self::ExitTool(stage) => stage.take(event, sink),
            Self::ToolRepair(stage) => stage.take(event, sink),
        }
    }

    fn flush(&mut self, sink: Sink<'_>) -> Result<(), StreamError> {
        match self {
            Self::ThinkTag(stage) => stage.flush(sink),
            Self::Emulated(stage) => stage.flush(sink),
            Self::ExitTool(stage) => stage.flush(sink),
            Self::ToolRepair(stage) => stage.flush(sink),
        }
    }
}
