//! The cache with calls that the tests drive by hand.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{FutureExt as _, stream};
use tokio::sync::mpsc;

use super::*;
use crate::bounds::{FLIGHT_LAG, FLIGHT_WINDOW_BYTES};

#[derive(Debug)]
struct Test;

impl Answer for Test {
    type Head = &'static str;
    type Tail = u64;
    type Error = String;
}

type Sent = Result<Part<u64>, String>;

const ANY: Control = Control { store: true, max_age: None };
const MINUTE: Duration = Duration::from_secs(60);

fn key(text: &str) -> Key {
    let parts = KeyParts {
        owner: "",
        protocol: "",
        stream: false,
        usage: false,
        features: "",
        upstream_model: "",
        base: "",
        chain: ChainHash::of(b""),
        body: BodyHash::of(text.as_bytes()),
    };
    Key::new(&parts)
}

fn cache(max_answer: u64) -> Cache<Test> {
    Cache::new(Limits { max_answer, cache_size: 1 << 20 })
}

/// A call that gives what is sent into it, and notices when it is dropped.
struct Call {
    parts: mpsc::UnboundedSender<Sent>,
}

impl Call {
    fn chunk(&self, text: impl Into<Bytes>) {
        self.parts.send(Ok(Part::Chunk(text.into()))).unwrap();
    }

    fn end(&self, store: &str) {
        let store = Some(Store { key: key(store), ttl: MINUTE });
        self.parts.send(Ok(Part::End { tail: 7, store })).unwrap();
    }
}

fn ask(cache: &Cache<Test>, name: &str, control: Control) -> (Asked<Test>, Call) {
    let (parts, receiver) = mpsc::unbounded_channel::<Sent>();
    let parts_of = stream::unfold(receiver, async |mut parts| Some((parts.recv().await?, parts)));
    let asked = cache.ask(key(name), key(name).flight(&[]), control, || async { Ok(("head", parts_of)) });
    (asked, Call { parts })
}

fn miss(asked: Asked<Test>) -> Reader<Test> {
    match asked {
        Asked::Miss(reader) => reader,
        other => panic!("not a miss: {other:?}"),
    }
}

fn shared(asked: Asked<Test>) -> Reader<Test> {
    match asked {
        Asked::Shared(reader) => reader,
        other => panic!("not shared: {other:?}"),
    }
}

fn is_hit(asked: &Asked<Test>) -> bool {
    matches!(asked, Asked::Hit(_))
}

/// All that a reader gets: the text, and the error at its end.
async fn read(reader: Reader<Test>) -> (String, Option<FlightError<String>>) {
    let mut text = String::new();
    let mut reader = std::pin::pin!(reader);
    while let Some(item) = reader.next().await {
        match item {
            Ok(chunk) => text.push_str(std::str::from_utf8(&chunk).unwrap()),
            Err(error) => return (text, Some(error)),
        }
    }
    (text, None)
}

/// Lets all other tasks run until none can go on.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_second_asker_gets_what_the_first_one_got() {
    let cache = cache(100);
    let (asked, call) = ask(&cache, "a", ANY);
    let mut reader = miss(asked);
    call.chunk("one ");
    call.chunk("two");
    call.end("a");
    assert_eq!(reader.head().await.unwrap(), "head");
    assert_eq!(read(reader).await.0, "one two");
    let (Asked::Hit(entry), _) = ask(&cache, "a", ANY) else { panic!("no hit") };
    assert_eq!((entry.head, entry.tail, entry.body.to_vec()), ("head", 7, b"one two".to_vec()));
    assert!(cache.bytes() > 7);
    assert!(!is_hit(&ask(&cache, "b", ANY).0));
}

#[test]
fn an_answer_dies_at_its_time_and_at_the_age_asked_for() {
    let check = |age, max_age: Option<u64>, expected| {
        let found = good_enough(Duration::from_secs(age), MINUTE, max_age.map(Duration::from_secs));
        assert_eq!(found, expected, "{age} {max_age:?}");
    };
    check(59, None, true);
    check(60, None, false);
    check(20, Some(30), true);
    check(31, Some(30), false);
    check(60, Some(90), false);
}

#[tokio::test]
async fn an_answer_without_time_to_live_is_not_found_again() {
    let cache = cache(100);
    let (asked, call) = ask(&cache, "a", ANY);
    call.parts.send(Ok(Part::End { tail: 7, store: Some(Store { key: key("a"), ttl: Duration::ZERO }) })).unwrap();
    read(miss(asked)).await;
    assert!(!is_hit(&ask(&cache, "a", ANY).0));
}

#[tokio::test]
async fn an_answer_that_is_there_is_not_good_enough_for_a_fresh_one() {
    let cache = cache(100);
    let (asked, call) = ask(&cache, "a", ANY);
    call.end("a");
    read(miss(asked)).await;
    assert!(!is_hit(&ask(&cache, "a", Control { store: true, max_age: Some(Duration::ZERO) }).0));
    assert!(is_hit(&ask(&cache, "a", Control { store: true, max_age: Some(MINUTE) }).0));
}

#[tokio::test]
async fn an_answer_is_kept_under_the_model_that_gave_it() {
    let cache = cache(100);
    let (asked, call) = ask(&cache, "first", ANY);
    call.end("fallback");
    read(miss(asked)).await;
    assert!(!is_hit(&ask(&cache, "first", ANY).0));
    assert!(is_hit(&ask(&cache, "fallback", ANY).0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_call_however_many_ask_at_once() {
    let cache = cache(1 << 16);
    let calls = Arc::new(AtomicUsize::new(0));
    let gate = Arc::new(tokio::sync::Notify::new());
    let askers: Vec<_> = (0..200)
        .map(|_| {
            let (cache, calls, gate) = (cache.clone(), Arc::clone(&calls), Arc::clone(&gate));
            tokio::spawn(async move {
                let asked = cache.ask(key("a"), key("a").flight(&[]), ANY, || async move {
                    calls.fetch_add(1, Ordering::SeqCst);
                    gate.notified().await;
                    let chunks = (0..1_000).map(|n| Ok(Part::Chunk(Bytes::from(format!("{n} ")))));
                    let store = Some(Store { key: key("a"), ttl: MINUTE });
                    Ok(("head", stream::iter(chunks.chain([Ok(Part::End { tail: 7, store })]))))
                });
                match asked {
                    Asked::Hit(entry) => entry.body.len(),
                    Asked::Miss(reader) | Asked::Shared(reader) => {
                        let (text, error) = read(reader).await;
                        assert!(error.is_none());
                        text.len()
                    }
                }
            })
        })
        .collect();
    while calls.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    gate.notify_one();
    for asker in askers {
        assert_eq!(asker.await.unwrap(), 10 + 180 + 2_700 + 1_000);
    }
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_late_reader_gets_every_byte() {
    let cache = cache(100);
    let (asked, call) = ask(&cache, "a", ANY);
    let first = miss(asked);
    call.chunk("one ");
    settle().await;
    let second = shared(ask(&cache, "a", ANY).0);
    call.chunk("two");
    call.end("a");
    settle().await;
    assert_eq!(read(second).await.0, "one two");
    assert_eq!(read(first).await.0, "one two");
}

#[tokio::test]
async fn the_call_is_cancelled_when_the_last_reader_leaves() {
    let cache = cache(100);
    let (asked, call) = ask(&cache, "a", ANY);
    let first = miss(asked);
    let second = shared(ask(&cache, "a", ANY).0);
    call.chunk("one");
    drop(first);
    settle().await;
    assert!(!call.parts.is_closed(), "one reader is left");
    drop(second);
    settle().await;
    assert!(call.parts.is_closed(), "the call goes on for nobody");
    miss(ask(&cache, "a", ANY).0);
}

#[tokio::test]
async fn an_abandoned_call_takes_nobody_along() {
    let cache = cache(100);
    let (asked, _call) = ask(&cache, "a", ANY);
    drop(asked);
    // The task has not run yet: the flight is still on the list.
    let (asked, call) = ask(&cache, "a", ANY);
    call.chunk("one");
    call.end("a");
    assert_eq!(read(miss(asked)).await.0, "one");
}

#[tokio::test]
async fn errors_are_shared_and_never_kept() {
    let cache = cache(100);
    let fail = |cache: &Cache<Test>| {
        cache.ask(key("a"), key("a").flight(&[]), ANY, || async { Err::<(_, stream::Empty<Sent>), _>("no".to_owned()) })
    };
    let mut first = miss(fail(&cache));
    let mut second = shared(fail(&cache));
    for reader in [&mut first, &mut second] {
        assert!(matches!(reader.head().await, Err(FlightError::Failed(error)) if *error == "no"));
    }
    miss(fail(&cache));
}

#[tokio::test]
async fn a_broken_stream_is_shared_and_never_kept() {
    let cache = cache(100);
    let (asked, call) = ask(&cache, "a", ANY);
    let mut reader = miss(asked);
    call.chunk("one");
    drop(call);
    assert!(reader.head().await.is_ok());
    assert!(matches!(read(reader).await, (text, Some(FlightError::Broken)) if text == "one"));
    let (asked, call) = ask(&cache, "a", ANY);
    call.chunk("one");
    call.parts.send(Err("reset".to_owned())).unwrap();
    assert!(matches!(read(miss(asked)).await, (text, Some(FlightError::Failed(_))) if text == "one"));
    miss(ask(&cache, "a", ANY).0);
}

#[tokio::test]
async fn a_call_that_panics_breaks_its_readers_only() {
    let cache = cache(100);
    let parts = stream::once(async { panic!("on purpose") });
    let asked = cache.ask(key("a"), key("a").flight(&[]), ANY, || async { Ok(("head", parts)) });
    assert!(matches!(read(miss(asked)).await.1, Some(FlightError::Broken)));
    let (asked, call) = ask(&cache, "a", ANY);
    call.end("a");
    assert!(read(miss(asked)).await.1.is_none());
}

#[tokio::test]
async fn a_fresh_answer_is_not_shared_but_joined_later() {
    let cache = cache(100);
    let (asked, old) = ask(&cache, "a", ANY);
    let first = miss(asked);
    let (asked, new) = ask(&cache, "a", Control { store: true, max_age: Some(Duration::ZERO) });
    let second = miss(asked);
    let third = shared(ask(&cache, "a", ANY).0);
    old.chunk("old");
    old.end("a");
    assert_eq!(read(first).await.0, "old");
    new.chunk("new");
    new.end("a");
    assert_eq!((read(second).await.0, read(third).await.0), ("new".to_owned(), "new".to_owned()));
}

/// A chunk of a quarter of the window.
fn quarter() -> Bytes {
    Bytes::from(vec![b'x'; (FLIGHT_WINDOW_BYTES / 4) as usize])
}

fn overflown() -> (Cache<Test>, Reader<Test>, Reader<Test>, Call) {
    let cache = cache(10);
    let (asked, call) = ask(&cache, "a", ANY);
    let first = miss(asked);
    let second = shared(ask(&cache, "a", ANY).0);
    for _ in 0..16 {
        call.chunk(quarter());
    }
    (cache, first, second, call)
}

#[tokio::test]
async fn a_large_answer_is_not_kept_and_not_joined() {
    let (cache, first, second, call) = overflown();
    settle().await;
    miss(ask(&cache, "a", ANY).0);
    call.end("a");
    let (first, second) = tokio::join!(read(first), read(second));
    assert_eq!((first.0.len(), second.0.len()), (quarter().len() * 16, quarter().len() * 16));
    assert!(first.1.is_none() && second.1.is_none());
    assert!(!is_hit(&ask(&cache, "a", ANY).0));
}

#[tokio::test]
async fn a_large_answer_waits_for_the_slowest_reader() {
    let (_cache, mut first, mut second, _call) = overflown();
    settle().await;
    for _ in 0..5 {
        assert!(first.next().await.unwrap().is_ok());
    }
    settle().await;
    // Five quarters are more than the window: nothing more comes until the other one reads.
    assert!(first.next().now_or_never().is_none());
    assert!(second.next().await.unwrap().is_ok());
    assert!(first.next().await.unwrap().is_ok());
}

/// An overflown flight with this many readers, which holds two windows for each.
fn large_flight(readers: usize) -> (Arc<Flight<Test>>, Vec<Reader<Test>>) {
    let (flight, first) = Flight::begin(10);
    let mut all = vec![first];
    all.resize_with(readers, || flight.join().unwrap());
    for _ in 0..8 {
        flight.push(quarter());
    }
    (flight, all)
}

fn next(reader: &mut Reader<Test>) -> Option<Option<Result<Bytes, FlightError<String>>>> {
    reader.next().now_or_never()
}

#[tokio::test]
async fn a_reader_that_lags_is_given_up() {
    let (flight, mut readers) = large_flight(2);
    while matches!(next(&mut readers[0]), Some(Some(Ok(_)))) {}
    let began = Instant::now();
    assert_eq!(flight.blocked_until(began), Some(began + FLIGHT_LAG));
    // To read a little is not to catch up.
    assert!(matches!(next(&mut readers[1]), Some(Some(Ok(_)))));
    assert_eq!(flight.blocked_until(began + FLIGHT_LAG / 2), Some(began + FLIGHT_LAG));
    assert_eq!(flight.blocked_until(began + FLIGHT_LAG), None);
    assert!(matches!(next(&mut readers[1]), Some(Some(Err(FlightError::Lagged)))));
    assert!(matches!(next(&mut readers[1]), Some(None)));
    flight.push(quarter());
    assert!(matches!(next(&mut readers[0]), Some(Some(Ok(_)))));
}

#[tokio::test]
async fn a_reader_that_catches_up_is_kept() {
    let (flight, mut readers) = large_flight(2);
    while matches!(next(&mut readers[0]), Some(Some(Ok(_)))) {}
    let began = Instant::now();
    assert!(flight.blocked_until(began).is_some());
    while matches!(next(&mut readers[1]), Some(Some(Ok(_)))) {}
    assert_eq!(flight.blocked_until(began + FLIGHT_LAG), None);
    flight.push(quarter());
    assert!(matches!(next(&mut readers[1]), Some(Some(Ok(_)))));
}

#[tokio::test]
async fn a_slow_reader_alone_is_waited_for_while_it_reads() {
    let (flight, mut readers) = large_flight(1);
    let began = Instant::now();
    assert_eq!(flight.blocked_until(began), Some(began + FLIGHT_LAG));
    assert!(matches!(next(&mut readers[0]), Some(Some(Ok(_)))));
    assert!(flight.blocked_until(began + FLIGHT_LAG).is_some(), "it has read since");
    assert_eq!(flight.blocked_until(Instant::now() + FLIGHT_LAG), None, "it reads no more");
    assert!(flight.abandoned().now_or_never().is_some(), "nobody is left");
}
