//! Reconstruction error of a principal component analysis.
//!
//! A row x is projected onto the components C (orthonormal rows, Hotelling, *Analysis of a complex of statistical
//! variables into principal components*, 1933) and back: x̂ = m + Cᵀ·C·(x − m) with the training mean m. Its error is
//! the mean over the features of (x − x̂)², small for rows that vary as the training rows did (Jackson & Mudholkar,
//! *Control procedures for residuals associated with principal component analysis*, Technometrics 21, 1979).

mod evaluate;
mod params;
mod train;

pub(super) use params::Params;
pub use params::PcaReconstruction;
pub(super) use train::train;
