//! A run that is played, as it stands on the screen.

use std::sync::Arc;

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;
use crate::scenario::load;

fn play() -> Play {
    let text = "name: three pods\nabout: They come.\nsteps:\n  - kubectl: create deployment web \
                --image=app:v1 --replicas=3\n  - kubectl: rollout status deploy/web\n";
    let loaded = load("x.yaml", text.into(), &[], &mut |path| Err(path.to_owned()));
    let mut world = World::new(Arc::new(loaded.unwrap()), 0, None).unwrap();
    world.run();
    Play::of(&world)
}

fn screen(play: &Play) -> String {
    sized(play, 110, 30)
}

fn sized(play: &Play, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| play.draw(frame)).unwrap();
    let buffer = terminal.backend().buffer().clone();
    let width = usize::from(buffer.area.width);
    let cells: Vec<&str> = buffer.content.iter().map(ratatui::buffer::Cell::symbol).collect();
    cells.chunks(width).map(|row| row.concat() + "\n").collect()
}

#[test]
fn desired_and_observed_meet_while_it_plays() {
    let mut play = play();
    for _ in 0..3 {
        play.press(KeyCode::Right);
    }
    let early = screen(&play);
    assert!(early.contains("Deployment web") && early.contains('≠'), "{early}");
    play.press(KeyCode::End);
    let late = screen(&play);
    assert!(late.contains("= 3       3        ready"), "{late}");
    assert!(late.contains("✓") && late.contains("complete: 3 pods"), "{late}");
    play.press(KeyCode::Home);
    assert!(!screen(&play).contains("Deployment web  "));
}

#[test]
fn a_small_terminal_shows_whole_words() {
    let mut play = play();
    play.press(KeyCode::End);
    let shown = sized(&play, 80, 24);
    for word in ["workload", "desired observed", "Deployment web", "= 3       3", "!bad", "q quit"]
    {
        assert!(shown.contains(word), "no {word:?} in\n{shown}");
    }
    assert_eq!(shown.lines().count(), 24);
    let tiny = sized(&play, 30, 8);
    assert_eq!(tiny.lines().count(), 8);
}

#[test]
fn a_key_leads_to_the_next_command() {
    let mut play = play();
    play.press(KeyCode::Char('c'));
    assert!(screen(&play).contains("$ kubectl rollout status"));
    let now = play.now;
    play.press(KeyCode::Char('f'));
    assert_eq!((play.now, play.playing), (now, false), "there is no fault");
}

#[test]
fn keys_lead_to_where_desired_and_observed_part_and_agree() {
    let mut play = play();
    play.press(KeyCode::Home);
    play.press(KeyCode::Char('d'));
    let parted = screen(&play);
    assert!(parted.contains("≠ 3       0"), "{parted}");
    play.press(KeyCode::Char('m'));
    let met = screen(&play);
    assert!(met.contains("= 3       3"), "{met}");
    let now = play.now;
    play.press(KeyCode::Char('e'));
    assert_eq!((play.now, play.playing), (now, false), "nothing failed");
}

#[test]
fn lines_of_one_instant_come_one_by_one() {
    let mut play = play();
    play.press(KeyCode::Home);
    let all = play.lines.len();
    let mut last = play.shown;
    while play.shown < all {
        play.press(KeyCode::Right);
        assert_eq!(play.shown, last + 1);
        last = play.shown;
    }
    let same = play.lines.windows(2).filter(|pair| pair[0].time == pair[1].time).count();
    assert!(same > 0, "there are lines of one instant");
    play.press(KeyCode::Left);
    assert_eq!(play.shown, all - 1);
}

#[test]
fn it_pauses_steps_and_ends() {
    let mut play = play();
    assert!(play.press(KeyCode::Char(' ')) && !play.playing);
    let now = play.now;
    (0..50).for_each(|_| play.tick());
    assert_eq!(play.now, now);
    play.press(KeyCode::Right);
    assert!(play.now > now);
    play.press(KeyCode::Left);
    assert_eq!(play.now, now);
    play.press(KeyCode::Char(' '));
    (0..10_000).for_each(|_| play.tick());
    assert_eq!((play.now, play.playing), (play.end, false));
    assert!(!play.press(KeyCode::Char('q')));
}
