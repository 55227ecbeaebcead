//! What an image of a known size costs, by the formula that its model's vendor publishes.
//!
//! - Anthropic, "Vision: resolution and token cost" and "How Claude resizes and pads images"
//!   (platform.claude.com/docs/en/build-with-claude/vision and …/vision-coordinates, read in November 2026):
//!   ⌈width / 28⌉ × ⌈height / 28⌉ after the image was made smaller, keeping its shape, until its long edge has
//!   at most 1 568 pixels and it costs at most 1 568 tokens; 2 576 and 4 784 from Claude 4.7 on. The older
//!   page's width × height / 750 is the same figure within five in a hundred.
//! - OpenAI, "Images and vision: calculating costs" (developers.openai.com/api/docs/guides/images-vision, read
//!   in November 2026): tiles of 512 pixels, a base and so many tokens a tile by model, or patches of 32 pixels
//!   within a budget, times a factor by model; `detail: low` is the base, or an image of at most 512 pixels.
//! - Google, "Understand and count tokens" and "Media resolution" (ai.google.dev/gemini-api/docs/tokens and
//!   …/media-resolution, read in November 2026): 258 for an image of at most 384 pixels each way, else 258 for
//!   each tile of 768 pixels; from Gemini 3 on 1 120 an image whatever its size.

use super::media::Detail;

/// Pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// from left to right
    pub width: u64,
    /// from top to bottom
    pub height: u64,
}

/// How a family of models counts what is not text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Family {
    /// Anthropic's models: the long edge's limit in pixels, the image's in tokens
    Claude { edge: u64, most: u64 },
    /// OpenAI's models that cut tiles: the base, and a tile
    Tiles { base: u64, tile: u64 },
    /// OpenAI's models that count patches: how many at most, the long edge's limit, the factor in hundredths;
    /// `wide` when an image without a `detail` is not made smaller first
    Patches { budget: u64, hundredths: u64, wide: bool },
    /// Gemini before 3
    GeminiTiles,
    /// Gemini from 3 on
    Gemini,
}

/// Anthropic's models with the usual resolution; also what `request.tokens` uses for every model.
pub(super) const CLAUDE: Family = Family::Claude { edge: 1_568, most: 1_568 };
const CLAUDE_LARGE: Family = Family::Claude { edge: 2_576, most: 4_784 };
const USUAL_TILES: Family = Family::Tiles { base: 85, tile: 170 };

/// OpenAI's models by the beginning of their name; the first that fits counts.
const OPENAI: &[(&str, Family)] = &[
    ("gpt-4o-mini", Family::Tiles { base: 2_833, tile: 5_667 }),
    ("gpt-4.1-mini", Family::Patches { budget: 1_536, hundredths: 162, wide: false }),
    ("gpt-4.1-nano", Family::Patches { budget: 1_536, hundredths: 246, wide: false }),
    ("gpt-3.5", USUAL_TILES),
    ("gpt-4", USUAL_TILES),
    ("chatgpt-4o", USUAL_TILES),
    ("o4-mini", Family::Patches { budget: 1_536, hundredths: 172, wide: false }),
    ("o1", Family::Tiles { base: 75, tile: 150 }),
    ("o3", Family::Tiles { base: 75, tile: 150 }),
    ("computer-use", Family::Tiles { base: 65, tile: 129 }),
];

impl Family {
    /// The family of a model by the name that its provider knows; None for a name of nobody's family.
    pub(super) fn of(model: &str) -> Option<Self> {
        if model.contains("claude") {
            return Some(if is_large_claude(model) { CLAUDE_LARGE } else { CLAUDE });
        }
        if let Some((_, version)) = model.split_once("gemini-") {
            return Some(if leading_number(version) >= 3 { Self::Gemini } else { Self::GeminiTiles });
        }
        let known = OPENAI.iter().find(|(name, _)| model.starts_with(name)).map(|(_, family)| *family);
        known.or_else(|| model.strip_prefix("gpt-").map(newer_gpt))
    }

    /// What an image costs.
    pub(super) fn image(self, size: Size, detail: Detail) -> u64 {
        let size = Size { width: size.width.max(1), height: size.height.max(1) };
        match self {
            Self::Claude { edge, most } => claude(size, edge, most),
            Self::Tiles { base, .. } if detail == Detail::Low => base,
            Self::Tiles { base, tile } => base + tile * tiles(size),
            Self::Patches { budget, hundredths, wide } => {
                let (edge, budget) = match detail {
                    Detail::Low => (512, budget),
                    Detail::Original => (6_000, 10_000),
                    Detail::Unsaid if wide => (6_000, 10_000),
                    Detail::Unsaid | Detail::High => (2_048, budget),
                };
                (patches(size, edge, budget) * hundredths).div_ceil(100)
            }
            Self::GeminiTiles if size.width <= 384 && size.height <= 384 => 258,
            Self::GeminiTiles => 258 * size.width.div_ceil(768) * size.height.div_ceil(768),
            Self::Gemini => 1_120,
        }
    }
}

/// GPT-5 and what came after it, by what stands behind `gpt-`.
fn newer_gpt(version: &str) -> Family {
    let minor = version.split_once('.').map_or(0, |(_, rest)| leading_number(rest));
    let is_small = |word: &str| version.contains(word);
    let later = leading_number(version) > 5;
    if is_small("mini") && !is_small("codex") {
        Family::Patches { budget: 1_536, hundredths: 162, wide: false }
    } else if is_small("nano") {
        Family::Patches { budget: 1_536, hundredths: 246, wide: false }
    } else if later || minor >= 5 {
        Family::Patches { budget: 2_500, hundredths: 120, wide: true }
    } else if minor == 4 {
        Family::Patches { budget: 2_500, hundredths: 100, wide: false }
    } else if minor >= 2 || is_small("codex") {
        Family::Patches { budget: 1_536, hundredths: 100, wide: false }
    } else {
        Family::Tiles { base: 70, tile: 140 }
    }
}

/// Claude 4.7 and later: `claude-opus-4-7`, `claude-sonnet-5`; not `claude-opus-4-20250514`, whose number is a day.
fn is_large_claude(model: &str) -> bool {
    let mut numbers = model
        .split(|letter: char| !letter.is_ascii_digit())
        .filter(|digits| (1..=2).contains(&digits.len()))
        .map(leading_number);
    match (numbers.next(), numbers.next()) {
        (Some(major), _) if major >= 5 => true,
        (Some(4), Some(minor)) => minor >= 7,
        _ => false,
    }
}

fn leading_number(text: &str) -> u64 {
    let digits = text.bytes().take_while(u8::is_ascii_digit).take(4);
    digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}

/// The greatest size of the same shape that is within both limits, in tokens.
fn claude(size: Size, edge: u64, most: u64) -> u64 {
    let long = size.width.max(size.height);
    let cost = |to: u64| {
        let scaled = |side: u64| (side.saturating_mul(to) + long / 2).checked_div(long).unwrap_or(1).max(1);
        scaled(size.width).div_ceil(28) * scaled(size.height).div_ceil(28)
    };
    // The cost grows with the edge: what fits is below, what does not above.
    let (mut fits, mut above) = (1, long.min(edge) + 1);
    while fits + 1 < above {
        let middle = fits.midpoint(above);
        if cost(middle) <= most { fits = middle } else { above = middle }
    }
    cost(fits)
}

/// Tiles of 512 pixels of an image that was made to fit 2 048 pixels each way, and 768 on its short edge.
fn tiles(size: Size) -> u64 {
    let (long, short) = (size.width.max(size.height), size.width.min(size.height));
    let (long, short) = if long > 2_048 { (2_048, (short * 2_048 / long).max(1)) } else { (long, short) };
    let (long, short) = if short > 768 { (long * 768 / short, 768) } else { (long, short) };
    long.div_ceil(512) * short.div_ceil(512)
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "pixels")]
fn patches(size: Size, edge: u64, budget: u64) -> u64 {
    const PATCH: f64 = 32.0;
    let long = size.width.max(size.height);
    let scale = if long > edge { edge as f64 / long as f64 } else { 1.0 };
    let (width, height) = (size.width as f64 * scale, size.height as f64 * scale);
    let cover = |width: f64, height: f64| ((width / PATCH).ceil() * (height / PATCH).ceil()) as u64;
    if cover(width, height) <= budget {
        return cover(width, height).max(1);
    }
    let shrink = (PATCH * PATCH * budget as f64 / (width * height)).sqrt();
    let fitted = |side: f64| (side * shrink / PATCH).floor().max(1.0) / (side * shrink / PATCH);
    let shrink = shrink * fitted(width).min(fitted(height));
    // A hair more than a whole patch is a rounding error of the division above.
    cover((width * shrink).round(), (height * shrink).round()).clamp(1, budget)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(model: &str, width: u64, height: u64, detail: Detail, expected: u64) {
        let family = Family::of(model).unwrap_or(CLAUDE);
        assert_eq!(family.image(Size { width, height }, detail), expected, "{model} {width}x{height}");
    }

    #[test]
    fn anthropic_s_examples() {
        check("claude-sonnet-4-6", 200, 200, Detail::Unsaid, 64);
        check("claude-sonnet-4-6", 1000, 1000, Detail::Unsaid, 1_296);
        check("claude-sonnet-4-6", 1075, 1520, Detail::Unsaid, 33 * 47);
        check("claude-haiku-4-5-20251001", 3840, 2160, Detail::Unsaid, 1_560);
        check("claude-opus-4-7", 3840, 2160, Detail::Unsaid, 4_784);
        check("claude-sonnet-5", 3840, 2160, Detail::Unsaid, 4_784);
        check("claude-opus-4-20250514", 3840, 2160, Detail::Unsaid, 1_560);
        check("anthropic/claude-3.5-sonnet", 3840, 2160, Detail::Unsaid, 1_560);
        check("claude-sonnet-4-6", 1, 100_000, Detail::Unsaid, 56);
    }

    #[test]
    fn openai_s_examples() {
        check("gpt-4o", 1024, 1024, Detail::High, 765);
        check("gpt-4o-2024-08-06", 2048, 4096, Detail::High, 1_105);
        check("gpt-4o", 4096, 8192, Detail::Low, 85);
        check("gpt-4o-mini", 1024, 1024, Detail::Unsaid, 2_833 + 4 * 5_667);
        check("gpt-5", 1024, 1024, Detail::Unsaid, 70 + 4 * 140);
        check("o3", 512, 512, Detail::Unsaid, 75 + 150);
        check("gpt-4.1-mini", 1024, 1024, Detail::Unsaid, 1_659);
        check("gpt-5.2-codex", 1024, 1024, Detail::Unsaid, 1_024);
        check("gpt-5.3-codex", 1800, 2400, Detail::High, 1_452);
        check("o4-mini", 64, 32, Detail::Unsaid, 4);
        check("gpt-5.4", 640, 480, Detail::High, 300);
        check("gpt-5.5", 640, 480, Detail::High, 360);
        check("gpt-5.5", 640, 480, Detail::Low, 231);
        check("gpt-5.5", 3840, 2160, Detail::Unsaid, 9_792);
    }

    #[test]
    fn google_s_examples() {
        check("gemini-2.5-flash", 384, 384, Detail::Unsaid, 258);
        check("gemini-2.5-pro", 385, 300, Detail::Unsaid, 258);
        check("gemini-2.0-flash", 1536, 769, Detail::Unsaid, 4 * 258);
        check("models/gemini-3-pro-preview", 4032, 3024, Detail::Unsaid, 1_120);
    }

    #[test]
    fn no_size_panics() {
        for side in [0, 1, u64::from(u32::MAX)] {
            for model in ["claude-opus-4-7", "gpt-4o", "gpt-5.5", "gemini-2.5-pro", "gemini-3-pro"] {
                let family = Family::of(model).unwrap();
                assert!(family.image(Size { width: side, height: 7 }, Detail::High) > 0, "{model} {side}");
                assert!(family.image(Size { width: 7, height: side }, Detail::Unsaid) > 0, "{model} {side}");
            }
        }
    }
}
