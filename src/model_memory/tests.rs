use std::fs;

use ndarray::Array2;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::model::formats::own;
use crate::model::{Contamination, Training, TrainingMethod, train};
use crate::sensor::SensorId;
use crate::store::KeptModels;

/// A folder of small models.
struct Plant {
    folder: tempfile::TempDir,
}

impl Plant {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn memory(&self, bytes: usize) -> Arc<ModelMemory> {
        ModelMemory::new(bytes, self.folder.path().to_owned(), Limits::default())
    }

    fn file(&self, number: usize) -> PathBuf {
        let path = self.folder.path().join(format!("model_{number}.safetensors"));
        fs::write(&path, content(number)).unwrap();
        path
    }

    fn put_to_work(&self, memory: &Arc<ModelMemory>, number: usize) -> Arc<ModelAtWork> {
        let path = self.file(number);
        let model = Model::load(&path, &Limits::default()).unwrap();
        memory.put_to_work(model.into(), ModelFiles { path: path.into(), scaler: None })
    }
}

/// All models are of one size. The numbers in each are others.
fn content(number: usize) -> Vec<u8> {
    let rows = Array2::from_shape_fn((20, 1), |(row, _)| (number * 20 + row) as f64);
    let contamination = Contamination::parse("0.1").unwrap();
    let training = Training { method: TrainingMethod::Quantiles, contamination, columns: vec!["mean".to_owned()] };
    own::write(&train(rows.view(), &training).unwrap()).unwrap()
}

fn is_resident(model: &ModelAtWork) -> bool {
    model.place().model.is_some()
}

fn resident(models: &[Arc<ModelAtWork>]) -> Vec<usize> {
    (0..models.len()).filter(|number| is_resident(&models[*number])).collect()
}

#[test]
fn with_room_for_all_none_is_read_again() {
    let plant = Plant::new();
    let memory = plant.memory(1 << 20);
    let models: Vec<_> = (0..4).map(|number| plant.put_to_work(&memory, number)).collect();
    for _ in 0..2 {
        for model in &models {
            assert!(Arc::ptr_eq(&model.get().unwrap(), &model.get().unwrap()));
        }
    }
    assert_eq!(resident(&models), [0, 1, 2, 3]);
}

#[test]
fn those_that_were_there_first_stay_when_all_are_used_in_turn() {
    let plant = Plant::new();
    let bytes = plant.put_to_work(&plant.memory(0), 0).bytes;
    let memory = plant.memory(2 * bytes);
    let models: Vec<_> = (0..4).map(|number| plant.put_to_work(&memory, number)).collect();
    for _ in 0..3 {
        for model in &models {
            assert_eq!(model.get().unwrap().hash(), model.hash);
        }
        assert_eq!(resident(&models), [0, 1]);
    }
}

#[test]
fn a_model_that_is_used_more_often_takes_the_place_of_one_that_is_used_more_seldom() {
    let plant = Plant::new();
    let bytes = plant.put_to_work(&plant.memory(0), 0).bytes;
    let memory = plant.memory(2 * bytes);
    let models: Vec<_> = (0..3).map(|number| plant.put_to_work(&memory, number)).collect();
    // The last is used twice while the others rest.
    for _ in 0..2 {
        models[2].get().unwrap();
    }
    assert_eq!(resident(&models), [1, 2]);
}

#[test]
fn a_model_that_is_at_work_no_more_makes_room() {
    let plant = Plant::new();
    let bytes = plant.put_to_work(&plant.memory(0), 0).bytes;
    let memory = plant.memory(bytes);
    let first = plant.put_to_work(&memory, 0);
    let second = plant.put_to_work(&memory, 1);
    assert!(is_resident(&first) && !is_resident(&second));
    drop(first);
    second.get().unwrap();
    assert!(is_resident(&second));
}

#[test]
fn the_copy_is_read_when_the_file_has_changed_and_without_a_copy_that_is_told() {
    let plant = Plant::new();
    let memory = plant.memory(0);
    let model = plant.put_to_work(&memory, 3);
    let kept = KeptModels::open(plant.folder.path(), 1 << 20, 0).unwrap();
    let parts = || Ok::<_, std::io::Error>(vec![content(3)]);
    kept.keep(SensorId(0), model.hash, parts).unwrap();
    fs::write(&*model.files.path, content(4)).unwrap();
    assert_eq!(model.get().unwrap().hash(), model.hash);

    let other = plant.put_to_work(&memory, 5);
    fs::write(&*other.files.path, content(6)).unwrap();
    let told = other.get().unwrap_err().to_string();
    assert!(told.contains("model_5.safetensors has changed") && told.contains("store.kept_models"), "{told}");
    fs::remove_file(&*other.files.path).unwrap();
    let told = other.get().unwrap_err().to_string();
    assert!(told.contains("model_5.safetensors cannot be read: No such file"), "{told}");
}

#[test]
fn a_model_that_is_read_again_is_as_proven_as_it_was() {
    let plant = Plant::new();
    let memory = plant.memory(0);
    let path = plant.file(0);
    let proof = Proof::Held { rows: 12, anomalies: 3 };
    let model = Model::load(&path, &Limits::default()).unwrap().with_proof(proof);
    let at_work = memory.put_to_work(model.into(), ModelFiles { path: path.into(), scaler: None });
    assert_eq!(at_work.get().unwrap().proof(), proof);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_memory_is_never_more_than_the_bound_and_each_use_gets_its_own_model(
        room in 0_usize..5,
        uses in vec(0_usize..8, 0..60),
    ) {
        let plant = Plant::new();
        let bytes = plant.put_to_work(&plant.memory(0), 0).bytes;
        let memory = plant.memory(room * bytes);
        let models: Vec<_> = (0..8).map(|number| plant.put_to_work(&memory, number)).collect();
        for number in uses {
            prop_assert_eq!(models[number].get().unwrap().hash(), models[number].hash);
            let there = resident(&models).len();
            prop_assert!(there <= room && memory.lock().bytes == there * bytes);
            prop_assert_eq!(memory.lock().by_last_use.len(), there);
        }
    }
}
