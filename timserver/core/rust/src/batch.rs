//! Many equal and independent pieces of work, on the cores that there are.
use std::num::NonZeroUsize;
use std::thread;

/// Below, another thread costs more than it brings.
const ITEMS_PER_THREAD_MIN: usize = 32;
const THREADS_MAX: usize = 4;

/// What `work` makes of each item, in order.
pub fn map<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(THREADS_MAX);
    let threads = cores.min(items.len() / ITEMS_PER_THREAD_MIN).max(1);
    let (own, others) = items.split_at(items.len().div_ceil(threads).min(items.len()));
    let chunk = own.len().max(1);
    thread::scope(|scope| {
        let helpers: Vec<_> = others
            .chunks(chunk)
            .map(|part| (part, thread::Builder::new().spawn_scoped(scope, || each(part, &work)).ok()))
            .collect();
        let mut done = each(own, &work);
        for (part, helper) in helpers {
            let found = helper.and_then(|helper| helper.join().ok());
            done.extend(found.unwrap_or_else(|| each(part, &work))); // no thread to be had: do it here
        }
        done
    })
}

fn each<T, R>(items: &[T], work: &impl Fn(&T) -> R) -> Vec<R> {
    items.iter().map(work).collect()
}
