use super::*;

fn longrun(name: &str, names: &[&str]) -> Definition {
    Definition {
        path: PathBuf::from("/s").join(name),
        ..supplied(name, Kind::Longrun(Pipe::default()), names)
    }
}

fn problems(definitions: Vec<Definition>) -> Vec<String> {
    Tree::of(definitions).1
}

#[test]
fn what_s6_overlay_supplies_is_there_and_may_be_needed() {
    let definitions = vec![longrun("a", &["base", "legacy-cont-init", "user", "user2"])];
    assert_eq!(problems(definitions), [""; 0]);
}

#[test]
fn a_circle_by_way_of_a_pipe_is_one() {
    let pipe = |producer: Option<&str>, consumer: &[&str]| {
        Kind::Longrun(Pipe {
            producer_for: producer.map(str::to_owned),
            consumer_for: consumer.iter().map(|name| (*name).to_owned()).collect(),
            pipeline: None,
        })
    };
    let producer = supplied("a", pipe(Some("b"), &[]), &[]);
    let consumer = supplied("b", pipe(None, &["a"]), &["a"]);
    let told = problems(vec![producer, consumer]);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("a: a > b > a is a circle, "),
        "{told:?}"
    );
}

#[test]
fn a_pipe_that_leads_to_itself_ends() {
    let pipe = |producer: &str, pipeline: Option<&str>| {
        Kind::Longrun(Pipe {
            producer_for: None,
            consumer_for: vec![producer.to_owned()],
            pipeline: pipeline.map(str::to_owned),
        })
    };
    let told = problems(vec![
        supplied("a", pipe("b", Some("ab")), &[]),
        supplied("b", pipe("a", None), &[]),
    ]);
    assert!(!told.is_empty());
}

const MANY: usize = 2_000;

#[test]
fn a_long_chain_has_no_circle() {
    let edges: Vec<Vec<usize>> = (0..MANY)
        .map(|number| (number + 1..MANY).take(1).collect())
        .collect();
    assert!(circles(&edges).is_empty());
}

#[test]
fn layers_that_need_each_other_whole_have_no_circle() {
    let width = 40;
    let edges: Vec<Vec<usize>> = (0..MANY)
        .map(|number| {
            let next = (number / width + 1) * width;
            (next..(next + width).min(MANY)).collect()
        })
        .collect();
    assert!(circles(&edges).is_empty());
}

#[test]
fn a_long_circle_is_found_once() {
    let edges: Vec<Vec<usize>> = (0..MANY).map(|number| vec![(number + 1) % MANY]).collect();
    let found = circles(&edges);
    assert_eq!((found.len(), found[0].len()), (1, MANY));
}

#[test]
fn no_more_circles_are_told_than_a_person_reads() {
    let edges: Vec<Vec<usize>> = (0..100).map(|number| vec![number]).collect();
    assert_eq!(circles(&edges).len(), CIRCLES);
}
