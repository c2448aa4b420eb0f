//! The demo's models, one for each sensor of the plant, carried in the binary.
//!
//! `examples/demo/train.py` made them with scikit-learn from the plant's own history.

use super::simulation::SENSORS;

macro_rules! model {
    ($device:literal, $sensor:literal) => {{
        const NAME: &str = concat!("model_", $device, "_", $sensor, ".pkl");
        let bytes: &[u8] =
            include_bytes!(concat!("../../../examples/demo/models/model_", $device, "_", $sensor, ".pkl"));
        (NAME, bytes)
    }};
}

/// Every model: its file name, and the file's bytes.
pub const MODELS: [(&str, &[u8]); SENSORS] = [
    model!("press-1", "temperature"),
    model!("press-1", "vibration"),
    model!("press-1", "pressure"),
    model!("press-1", "current"),
    model!("press-1", "flow"),
    model!("pump-2", "temperature"),
    model!("pump-2", "vibration"),
    model!("pump-2", "pressure"),
    model!("pump-2", "current"),
    model!("pump-2", "flow"),
    model!("oven-3", "temperature"),
    model!("oven-3", "vibration"),
    model!("oven-3", "pressure"),
    model!("oven-3", "current"),
    model!("oven-3", "flow"),
];

#[cfg(test)]
mod tests {
    use super::super::simulation::Simulation;
    use super::*;

    #[test]
    fn each_sensor_of_the_plant_has_its_model() {
        let names = MODELS.map(|(name, _)| name.to_owned());
        let plant = Simulation::new(1);
        let expected = plant.sensors().iter().map(|sensor| sensor.fill("model_{device}_{sensor}.pkl"));
        assert_eq!(names.to_vec(), expected.collect::<Vec<_>>());
    }

    #[test]
    fn each_model_is_a_small_pickle_of_protocol_4() {
        for (name, bytes) in MODELS {
            assert!(bytes.starts_with(b"\x80\x04") && bytes.ends_with(b"."), "{name}");
            assert!(bytes.len() < 20_000, "{name}");
        }
    }
}
