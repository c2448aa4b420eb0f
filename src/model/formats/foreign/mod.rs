//! What people hand over that is no model: recognised by its content, so that the refusal says what it is, and what to
//! do. Nothing here reads such a file; every look is at a few bytes.

mod content;
mod names;
mod text;

use std::fmt;

pub(super) use content::{HEAD, archive, is_old_torch, recognise, within};
pub use names::Refused;

/// A file of another kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Foreign {
    /// Nothing at all.
    Empty,
    /// The stand-in that Git LFS keeps in a repository.
    LfsPointer,
    /// A web page.
    Html,
    /// HDF5, which Keras wrote before its version 3.
    Hdf5,
    /// What Keras writes since its version 3.
    Keras,
    /// TensorFlow Lite.
    TfLite,
    /// What `torch.save` writes, today or before its version 1.6.
    PyTorch,
    /// What `numpy.save` writes.
    Npy,
    /// What `numpy.savez` writes.
    Npz,
    /// A zip archive.
    Zip {
        /// What lies in it, and may be the model.
        member: Option<String>,
    },
    /// A tar archive.
    Tar {
        /// The first file in it.
        member: Option<String>,
    },
    /// An archive, or something compressed, of a kind that is not undone here.
    Packed {
        /// The program that undoes it.
        by: &'static str,
    },
    /// A pickle of a protocol before 2.
    OldPickle,
    /// PMML.
    Pmml,
    /// Another XML.
    Xml,
    /// Boosted trees.
    Boosted {
        /// The library.
        library: &'static str,
    },
    /// Rows of readings or features.
    Table {
        /// The kind of file.
        kind: &'static str,
    },
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// A Jupyter notebook.
    Notebook,
    /// Python's source.
    Python,
    /// Objects of R.
    R,
    /// Variables of MATLAB.
    Matlab,
    /// Text in UTF-16.
    Utf16,
    /// Text of no kind that is known.
    Text,
    /// A picture, a document, a program.
    Other {
        /// What it is.
        what: &'static str,
    },
    /// A model in a format that is read, but not from within a compressed file.
    Wrapped {
        /// The format.
        format: &'static str,
    },
}

impl Foreign {
    /// What it is, as in "the file is …".
    fn what(&self) -> String {
        let within = |archive: &str, member: &Option<String>| match member {
            Some(member) => format!("{archive}, and {member} is in it"),
            None => archive.to_owned(),
        };
        match self {
            Self::Empty => "empty".to_owned(),
            Self::LfsPointer => {
                "a pointer of Git LFS, which stands in a repository for a file that is elsewhere".to_owned()
            }
            Self::Html => "an HTML page, as a browser saves it in place of the file".to_owned(),
            Self::Hdf5 => "HDF5, as Keras writes it (.h5)".to_owned(),
            Self::Keras => "a network of Keras".to_owned(),
            Self::TfLite => "a network of TensorFlow Lite".to_owned(),
            Self::PyTorch => "what torch.save writes: a network of PyTorch, or its weights".to_owned(),
            Self::Npy => "an array of numpy (.npy)".to_owned(),
            Self::Npz => "arrays of numpy (.npz)".to_owned(),
            Self::Zip { member } => within("a zip archive that skops did not write", member),
            Self::Tar { member } => within("a tar archive", member),
            Self::Packed { by } => format!("packed in a way that {by} undoes"),
            Self::OldPickle => "a pickle of protocol 0 or 1, the default of Python 2".to_owned(),
            Self::Pmml => "PMML".to_owned(),
            Self::Xml => "XML".to_owned(),
            Self::Boosted { library } => format!("boosted trees of {library}, which classify or predict a value"),
            Self::Table { kind } => format!("a table of rows ({kind})"),
            Self::Json => "JSON".to_owned(),
            Self::Yaml => "YAML".to_owned(),
            Self::Notebook => "a Jupyter notebook".to_owned(),
            Self::Python => "a Python program".to_owned(),
            Self::R => "objects of R (.rds, .RData)".to_owned(),
            Self::Matlab => "variables of MATLAB (.mat)".to_owned(),
            Self::Utf16 => "text in UTF-16, as editors on Windows may write it".to_owned(),
            Self::Text => "text".to_owned(),
            Self::Other { what } => (*what).to_owned(),
            Self::Wrapped { format } => format!("a model ({format}) that was compressed as a whole"),
        }
    }

    /// Why it is no model, and what to do.
    fn advice(&self) -> &'static str {
        match self {
            Self::Empty => "copy it again",
            Self::LfsPointer => {
                "the model is not in it: fetch it in the repository with `git lfs pull`, and copy it again"
            }
            Self::Html => "the model is not in it: download the file itself (on GitHub: \"Download raw file\")",
            Self::Hdf5 | Self::Keras => KERAS,
            Self::TfLite => "write it as ONNX: python -m tf2onnx.convert --tflite net.tflite --output model.onnx",
            Self::PyTorch => PYTORCH,
            Self::Npy | Self::Npz => {
                "arrays do not say what a model computes: dump the estimator itself, as in joblib.dump(model, \
                 \"model.joblib\"), or write them in anomalyd's own format (docs/model-format.md)"
            }
            Self::Zip { .. } | Self::Tar { .. } | Self::Packed { .. } => {
                "take the model out of it, and hand that over by itself"
            }
            Self::OldPickle => {
                "dump it anew: import pickle; model = pickle.load(open(\"model.pkl\", \"rb\")); \
                 pickle.dump(model, open(\"model-4.pkl\", \"wb\"), protocol=4)"
            }
            Self::Pmml => {
                "it is not read: dump the estimator that it was made from, as in joblib.dump(model, \"model.joblib\")"
            }
            Self::Boosted { .. } => NO_DETECTOR,
            Self::Table { .. } => {
                "these are rows, not a model: train one on them, in Python or with `anomalyd model fit`; answers that a \
                 model must give are named NAME.expect.csv"
            }
            Self::Notebook | Self::Python => {
                "it makes a model when it runs: run it, and have it end with joblib.dump(model, \"model.joblib\")"
            }
            Self::R | Self::Matlab => {
                "it is not read: write the model as ONNX, or its arrays in anomalyd's own format (docs/model-format.md)"
            }
            Self::Utf16 => "save it as text in UTF-8",
            Self::Wrapped { .. } => {
                "uncompress it: only pickles are read compressed, as joblib.dump(…, compress=3) does it"
            }
            Self::Xml | Self::Json | Self::Yaml | Self::Text | Self::Other { .. } => {
                "that is no model: hand over what joblib.dump(model, \"model.joblib\") writes"
            }
        }
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what(), self.advice())
    }
}

const KERAS: &str = "write it as ONNX: model.export(\"model.onnx\", format=\"onnx\") in Keras 3, or python -m \
                     tf2onnx.convert --keras net.h5 --output model.onnx; then set what is an anomaly, as \
                     docs/models.md shows";

const PYTORCH: &str = "write the network as ONNX: torch.onnx.export(net.eval(), torch.zeros(1, FEATURES), \
                       \"model.onnx\", dynamic_axes={\"input\": {0: \"rows\"}}, input_names=[\"input\"]); then set what is \
                       an anomaly, as docs/models.md shows";

const NO_DETECTOR: &str = "that is no outlier detector: train one of the supported ones on normal rows, such as \
                           sklearn.ensemble.IsolationForest";
