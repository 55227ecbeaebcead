use super::*;

/// Base64 of bytes.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..=three.len() {
            out.push(char::from(LETTERS[(bits >> (18 - 6 * place) & 63) as usize]));
        }
    }
    while !out.len().is_multiple_of(4) {
        out.push('=');
    }
    out
}

fn media(base64: &str) -> Media<'_> {
    Media { base64: Some(base64.as_bytes()), ..Media::default() }
}

fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    bytes.extend(width.to_be_bytes());
    bytes.extend(height.to_be_bytes());
    bytes.extend([8, 6, 0, 0, 0, 0, 0, 0, 0]);
    bytes
}

fn jpeg(preview_bytes: usize) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8];
    let mut left = preview_bytes;
    while left > 0 {
        let length = left.min(60_000);
        bytes.extend([0xff, 0xe1]);
        bytes.extend(u16::try_from(length + 2).unwrap().to_be_bytes());
        bytes.extend(vec![7; length]);
        left -= length;
    }
    bytes.extend([0xff, 0xc0, 0, 17, 8, 2, 0x58, 3, 0x20, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]);
    bytes.extend([0xff, 0xd9]);
    bytes
}

#[track_caller]
fn check_size(bytes: &[u8], expected: Option<(u64, u64)>) {
    let text = base64(bytes);
    let expected = expected.map(|(width, height)| Size { width, height });
    assert_eq!(media(&text).size(&mut Allowance::default()), expected);
}

#[test]
fn sizes_are_read_from_the_beginning() {
    check_size(&png(1920, 1080), Some((1920, 1080)));
    check_size(&png(1920, 1080)[..20], None);
    check_size(b"GIF89a\x40\x01\xf0\0\0\0\0", Some((320, 240)));
    let mut webp = b"RIFF\x1a\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0".to_vec();
    webp.extend([0x7f, 0x02, 0, 0xdf, 0x01, 0]);
    webp.extend([0; 16]);
    check_size(&webp, Some((640, 480)));
    check_size(&jpeg(0), Some((800, 600)));
    check_size(&jpeg(150_000), Some((800, 600)));
    check_size(&jpeg(400_000), None);
    check_size(b"no image at all", None);
    assert_eq!(Media::default().size(&mut Allowance::default()), None);
}

#[test]
fn base64_may_be_written_in_several_ways() {
    let bytes: Vec<u8> = (0..=255).collect();
    let plain = base64(&bytes);
    for text in [
        plain.clone(),
        plain.replace('/', "\\/"),
        plain.replace('+', "-").replace('/', "_"),
        plain.replace('E', "E\\r\\n"),
        format!("{plain}\" and more"),
    ] {
        assert_eq!(beginning(text.as_bytes(), 1000), bytes, "{text}");
    }
    assert_eq!(beginning(plain.as_bytes(), 3), [0, 1, 2]);
}

#[test]
fn blocks_of_every_protocol_say_where_their_bytes_are() {
    let data = base64(&png(30, 20));
    let url = format!("data:image/png;base64,{data}");
    for block in [
        format!(r#"{{"type":"image","source":{{"type":"base64","media_type":"image/png","data":"{data}"}}}}"#),
        format!(r#"{{"type":"image_url","image_url":{{"url":"{url}"}}}}"#),
        format!(r#"{{"type":"input_image","image_url":"{url}"}}"#),
        format!(r#"{{"inlineData":{{"mimeType":"image/png","data":"{data}"}}}}"#),
        format!(r#"{{"inline_data":{{"mime_type":"image/png","data":"{data}"}}}}"#),
    ] {
        let media = Media::of(Raw::parse(block.as_bytes()).unwrap());
        assert_eq!(media.size(&mut Allowance::default()), Some(Size { width: 30, height: 20 }), "{block}");
        assert_eq!(media.detail, Detail::Unsaid, "{block}");
    }
    for block in [
        r#"{"type":"image","source":{"type":"url","url":"https://a.example/b.png"}}"#,
        r#"{"type":"image_url","image_url":{"url":"https://a.example/b.png","detail":"low"}}"#,
        r#"{"type":"input_image","image_url":"https://a.example/b.png","detail":"low"}"#,
    ] {
        assert_eq!(Media::of(Raw::parse(block.as_bytes()).unwrap()).size(&mut Allowance::default()), None, "{block}");
    }
    let low = br#"{"type":"image_url","image_url":{"url":"data:,","detail":"low"}}"#;
    assert_eq!(Media::of(Raw::parse(low).unwrap()).detail, Detail::Low);
}

#[test]
fn pages_are_counted_or_guessed_from_the_bytes() {
    let page = "1 0 obj << /Type /Page /Parent 2 0 R >> endobj\n";
    let text = format!("%PDF-1.4\n{}<< /Type /Pages /Count 3 >><</Type/Page>>", page.repeat(2));
    assert_eq!(media(&base64(text.as_bytes())).pages(&mut Allowance::default()), Some(3));
    assert_eq!(media(&base64(&vec![7; 200_000])).pages(&mut Allowance::default()), Some(3));
    let long = format!("%PDF-1.4\n{}", format!("{page}{}", "x".repeat(100_000)).repeat(20));
    let pages = media(&base64(long.as_bytes())).pages(&mut Allowance::default()).unwrap();
    assert!((18..=24).contains(&pages), "{pages}");
    assert_eq!(Media::default().pages(&mut Allowance::default()), None);
    assert_eq!(media("").pages(&mut Allowance::default()), Some(1));
}

#[test]
fn seconds_come_from_a_wave_s_head_or_its_bytes() {
    let mut wave = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    wave.extend(16_000_u32.to_le_bytes());
    wave.extend(32_000_u32.to_le_bytes());
    wave.resize(96_000, 0);
    assert_eq!(media(&base64(&wave)).seconds(), Some(3));
    assert_eq!(media(&base64(&[7; 32_000])).seconds(), Some(3));
    let text = base64(&[7; 500_000]);
    let film = Media { kind: Some(Text::from_escaped(b"video/mp4")), ..media(&text) };
    assert_eq!(film.seconds(), Some(3));
    assert_eq!(Media::default().seconds(), None);
}

#[test]
fn all_together_read_no_more_than_is_allowed() {
    let text = base64("<</Type /Page>>".repeat(20_000).as_bytes());
    let mut allowance = Allowance::default();
    let pages: Vec<_> = (0..20).map(|_| media(&text).pages(&mut allowance)).collect();
    assert_eq!(pages.first(), Some(&Some(20_000)));
    assert_eq!(pages.last(), Some(&Some(5)));
    assert_eq!(media(&base64(&png(3, 2))).size(&mut allowance), None);
}
