//! Pictures: what is in them, and what is refused.

use std::path::Path;

use memtide_sim::picture::{
    Axis, Bars, Colour, Format, Group, Mark, Picture, PictureError, Plot, Series,
};

const MIB: f64 = 1_048_576.0;

fn plot() -> Plot {
    let wave = |scale: f64| -> Vec<(f64, f64)> {
        let points = (0..200u32).map(|n| f64::from(n) / 10.0);
        points.map(|x| (x, scale * MIB * (1.2 + (x / 2.0).sin()))).collect()
    };
    Plot::new(Axis::time("time"), Axis::memory("memory"))
        .area(Series::new("zeroed", wave(10.0)).colour(Colour::LIGHT))
        .area(Series::new("standby", wave(30.0)).colour(Colour::SKY))
        .area(Series::new("active", wave(60.0)).colour(Colour::BLUE))
        .line(Series::new("charge", wave(80.0)).colour(Colour::BLACK))
        .level("low memory: 16 MiB", 16.0 * MIB)
        .level("high memory: 48 MiB", 48.0 * MIB)
        .marks("low memory set", Mark::Down, Colour::VERMILLION, vec![(9.0, 16.0 * MIB)])
        .marks("low memory clear", Mark::HollowUp, Colour::VERMILLION, vec![(11.0, 16.0 * MIB)])
        .band("low memory", Colour::VERMILLION, vec![(9.0, 11.0)])
        .band("high memory", Colour::GREEN, vec![(0.0, 7.0), (13.0, 19.0)])
        .note(15.0, 120.0 * MIB, "a note <with> & words")
}

fn bars() -> Bars {
    Bars::new(Axis::count("faults"), ["no optimiser", "on a schedule"])
        .group(Group::new("soft", vec![12_000.0, 33_000.0]))
        .group(Group::new("hard", vec![1_000.0, 2_000.0]))
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

#[test]
fn an_svg_is_well_formed_and_says_what_it_shows() {
    let svg = Picture::new("Lists & time", plot()).subtitle("seed 7").svg().expect("drawn");
    let document = roxmltree::Document::parse(&svg).expect("well-formed");
    let root = document.root_element();
    assert_eq!((root.attribute("width"), root.attribute("height")), (Some("1200"), Some("675")));
    let texts: Vec<_> =
        document.descendants().filter_map(|node| node.text()).map(str::trim).collect();
    for expected in [
        "Lists & time",
        "seed 7",
        "time (s)",
        "memory (MiB)",
        "standby",
        "low memory: 16 MiB",
        "low memory clear",
        "high memory",
        "a note <with> & words",
    ] {
        assert!(texts.contains(&expected), "{expected} in {texts:?}");
    }
}

#[test]
fn a_png_has_the_size_asked_for_and_more_than_its_background() {
    let png = Picture::new("Faults", bars()).size(640, 400).png().expect("drawn");
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().expect("a PNG");
    let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
    let info = reader.next_frame(&mut pixels).expect("an image");
    assert_eq!((info.width, info.height), (640, 400));
    for colour in [Colour::WHITE, Colour::BLUE, Colour::VERMILLION] {
        let found = pixels.chunks(3).filter(|p| *p == [colour.0, colour.1, colour.2]).count();
        assert!(found > 500, "{found} pixels of {colour:?}");
    }
}

#[test]
fn the_same_data_is_the_same_picture() {
    for chart in [plot().into(), bars().into(), bars().stacked().into()] {
        let draw = || {
            let picture =
                Picture::new("Twice", memtide_sim::picture::Chart::clone(&chart)).size(640, 400);
            (picture.svg().expect("drawn"), picture.png().expect("drawn"))
        };
        assert!(draw() == draw());
    }
}

#[test]
fn the_name_of_the_file_decides_and_another_one_is_refused() {
    let folder = folder();
    let picture = Picture::new("Faults", bars()).size(320, 320);
    let start = |name: &str| {
        let path = folder.path().join(name);
        picture.save(&path).expect("saved");
        std::fs::read(&path).expect("a file")[..4].to_vec()
    };
    assert_eq!(start("a.svg"), b"<svg");
    assert_eq!(start("a.PNG"), b"\x89PNG");
    for name in ["a.gif", "a", ".svg"] {
        let error = picture.save(&folder.path().join(name)).expect_err(name);
        assert!(matches!(error, PictureError::Format { .. }), "{error}");
    }
    assert_eq!(
        Format::of(Path::new("a.gif")).expect_err("a GIF").to_string(),
        "'a.gif' is no name of a picture: expected one that ends in .svg or .png"
    );
    let error = picture.save(&folder.path().join("none/a.svg")).expect_err("no such folder");
    assert!(error.to_string().contains("none/a.svg could not be written"), "{error}");
}

#[test]
fn what_cannot_be_drawn_is_refused_with_its_value() {
    let error = Picture::new("Small", bars()).size(100, 675).svg().expect_err("too small");
    assert_eq!(
        error.to_string(),
        "a picture of 100 x 675 pixels: expected a width and a height from 320 to 8192"
    );
    let nothing = Plot::new(Axis::time("time"), Axis::count("faults"));
    let bad = nothing.clone().line(Series::new("faults", vec![(0.0, f64::NAN)]));
    let error = Picture::new("Bad", bad).png().expect_err("no number");
    assert_eq!(
        error.to_string(),
        "the picture 'Bad' shows a value of NaN: expected a finite number"
    );
    Picture::new("Empty", nothing).svg().expect("an empty picture is one");
}
