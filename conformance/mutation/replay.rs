//! The mutated engine answers as the real one did when the calls were recorded.
use std::env;
use std::process::Command;

#[test]
fn it_answers_as_recorded() {
    let engine = env::current_exe().unwrap().with_file_name("libengine.so");
    let program = env::var("REPLAY_PYTHON").unwrap();
    let words = [env::var("REPLAY").unwrap(), engine.display().to_string(), env::var("CALLS").unwrap()];
    assert!(Command::new(program).args(words).status().unwrap().success());
}
