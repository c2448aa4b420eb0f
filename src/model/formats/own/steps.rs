//! Steps of preprocessing: each with the function that describes it, and the one that makes it again.

use serde::{Deserialize, Serialize};

use super::error::OwnError;
use super::nystroem::{self, LikenessDescription};
use super::tensors::{Target, TensorScope};
use crate::model::Limits;
use crate::model::formats::printable::printable;
use crate::model::invalid::parameter;
use crate::model::limits::Exceeded;
use crate::model::preprocessing::{
    Beyond, Branch, ColumnTransformer, Distribution, Function, FunctionTransformer, MAX_STEPS, MaxAbsScaler, Method,
    MinMaxScaler, MinMaxScalerParams, MissingMarker, Pca, PcaParams, PolynomialFeatures, PolynomialFeaturesParams,
    PowerTransformer, QuantileTransformer, QuantileTransformerParams, Replacement, RobustScaler, SimpleImputer,
    SimpleImputerParams, StandardScaler, Step, VarianceThreshold,
};

/// A step without its arrays.
#[derive(Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) enum StepDescription {
    /// Tensors: `mean` and `scale`, a number a feature, each only if it is used.
    StandardScaler {
        width: usize,
    },
    /// Tensors: `scale` and `min`, a number a feature; `seen`, the range of each in training, if it is known.
    MinMaxScaler {
        clip: Option<(f64, f64)>,
    },
    /// Tensors: `scale`, a number a feature.
    MaxAbsScaler {
        clip: bool,
    },
    /// Tensors: `center` and `scale`, a number a feature, each only if it is used.
    RobustScaler {
        width: usize,
    },
    /// Tensors: `lambdas`, a number a feature, and `mean` and `scale` of what then is standardised, if it is.
    PowerTransformer {
        method: MethodDescription,
        standardize: bool,
    },
    /// Tensors: `references`, and `quantiles`, a row for each of those and a column a feature.
    QuantileTransformer {
        output: DistributionDescription,
    },
    /// Tensors: `mean`, a number a feature, `components`, a row each, and `variances` if it whitens.
    #[serde(rename = "PCA")]
    Pca {},
    /// Tensors: `replacements`, a number a feature, NaN for one that is left out.
    SimpleImputer {
        missing: MissingDescription,
        strategy: StrategyDescription,
        indicators: Vec<usize>,
    },
    PolynomialFeatures {
        width: usize,
        min_degree: usize,
        max_degree: usize,
        interaction_only: bool,
        include_bias: bool,
    },
    FunctionTransformer {
        width: usize,
        function: String,
    },
    /// Tensors: `components`, a row each, and `normalization`, a row a feature that comes out.
    Nystroem {
        kernel: LikenessDescription,
    },
    VarianceThreshold {
        width: usize,
        kept: Vec<usize>,
    },
    /// The tensors of its branches' steps are at `branches.0.steps.0` and so on.
    ColumnTransformer {
        width: usize,
        branches: Vec<BranchDescription>,
    },
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug)]
pub(super) enum MethodDescription {
    #[serde(rename = "yeo-johnson")]
    YeoJohnson,
    /// Rounded as scikit-learn before 1.9 does.
    #[serde(rename = "yeo-johnson by power")]
    YeoJohnsonByPower,
    #[serde(rename = "box-cox")]
    BoxCox,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug)]
#[serde(rename_all = "snake_case")]
pub(super) enum DistributionDescription {
    Uniform,
    #[serde(rename = "uniform within")]
    UniformWithin,
    Normal,
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug)]
#[serde(rename_all = "snake_case")]
pub(super) enum MissingDescription {
    Nan,
    Number(f64),
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug)]
#[serde(rename_all = "snake_case")]
pub(super) enum StrategyDescription {
    Middle,
    Constant,
}

#[derive(Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct BranchDescription {
    columns: Vec<usize>,
    steps: Vec<StepDescription>,
    weight: f64,
}

/// Describes a step, and hands its arrays over.
pub(super) fn write(step: &Step, to: &mut Target<'_>) -> StepDescription {
    match step {
        Step::StandardScaler(scaler) => {
            write_optional(to, [("mean", scaler.mean()), ("scale", scaler.scale())]);
            StepDescription::StandardScaler { width: scaler.width() }
        }
        Step::MinMaxScaler(scaler) => write_min_max_scaler(scaler, to),
        Step::MaxAbsScaler(scaler) => {
            to.numbers("scale", scaler.scale());
            StepDescription::MaxAbsScaler { clip: scaler.beyond() == Beyond::Clipped }
        }
        Step::RobustScaler(scaler) => {
            write_optional(to, [("center", scaler.center()), ("scale", scaler.scale())]);
            StepDescription::RobustScaler { width: scaler.width() }
        }
        Step::PowerTransformer(transformer) => write_power_transformer(transformer, to),
        Step::QuantileTransformer(transformer) => write_quantile_transformer(transformer, to),
        Step::Pca(pca) => write_pca(pca, to),
        Step::SimpleImputer(imputer) => write_simple_imputer(imputer, to),
        Step::PolynomialFeatures(features) => {
            let PolynomialFeaturesParams { width, min_degree, max_degree, interaction_only, include_bias } =
                features.params();
            StepDescription::PolynomialFeatures { width, min_degree, max_degree, interaction_only, include_bias }
        }
        Step::FunctionTransformer(transformer) => StepDescription::FunctionTransformer {
            width: transformer.width(),
            function: transformer.function().name().to_owned(),
        },
        Step::Nystroem(nystroem) => nystroem::write(nystroem, to),
        Step::VarianceThreshold(threshold) => {
            StepDescription::VarianceThreshold { width: threshold.width(), kept: threshold.kept().to_vec() }
        }
        Step::ColumnTransformer(transformer) => write_column_transformer(transformer, to),
    }
}

/// Makes a step again.
pub(super) fn read(
    description: StepDescription,
    from: &TensorScope<'_, '_>,
    allowance: &mut Allowance,
) -> Result<Step, OwnError> {
    allowance.count()?;
    let step = made(description, from, allowance)?;
    allowance.spend(size_of::<Step>() + own_bytes(&step))?;
    Ok(step)
}

/// What the steps may still come to: a few bytes of a file describe one, and it may lay out tens of thousands of products.
pub(super) struct Allowance {
    limits: Limits,
    steps: usize,
    bytes: usize,
}

impl Allowance {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { limits: *limits, steps: 0, bytes: 0 }
    }

    fn count(&mut self) -> Result<(), OwnError> {
        self.steps += 1;
        if self.steps > MAX_STEPS { Err(OwnError::Steps { max: MAX_STEPS }) } else { Ok(()) }
    }

    fn spend(&mut self, bytes: usize) -> Result<(), OwnError> {
        self.bytes = self.bytes.saturating_add(bytes);
        // The file and its description take the other half.
        let max = self.limits.memory_bytes / 2;
        if self.bytes <= max {
            return Ok(());
        }
        Err(Exceeded { what: "bytes of memory for its steps", max, ..self.limits.memory_exceeded() }.into())
    }
}

/// The memory of a step without that of steps within it, which was counted when they were made.
fn own_bytes(step: &Step) -> usize {
    match step {
        Step::ColumnTransformer(transformer) => {
            transformer.branches().iter().map(|branch| size_of::<Branch>() + size_of_val(&*branch.columns)).sum()
        }
        _ => step.heap_bytes(),
    }
}

fn made(description: StepDescription, from: &TensorScope<'_, '_>, allowance: &mut Allowance) -> Result<Step, OwnError> {
    Ok(match description {
        StepDescription::StandardScaler { width } => Step::StandardScaler(StandardScaler::new(
            width,
            from.optional_numbers("mean")?,
            from.optional_numbers("scale")?,
        )?),
        StepDescription::MinMaxScaler { clip } => Step::MinMaxScaler(read_min_max_scaler(clip, from)?),
        StepDescription::MaxAbsScaler { clip } => {
            let beyond = if clip { Beyond::Clipped } else { Beyond::Kept };
            Step::MaxAbsScaler(MaxAbsScaler::new(from.numbers("scale")?, beyond)?)
        }
        StepDescription::RobustScaler { width } => Step::RobustScaler(RobustScaler::new(
            width,
            from.optional_numbers("center")?,
            from.optional_numbers("scale")?,
        )?),
        StepDescription::PowerTransformer { method, standardize } => {
            Step::PowerTransformer(read_power_transformer(method, standardize, from)?)
        }
        StepDescription::QuantileTransformer { output } => {
            Step::QuantileTransformer(read_quantile_transformer(output, from)?)
        }
        StepDescription::Pca {} => Step::Pca(Pca::new(&PcaParams {
            mean: from.numbers("mean")?,
            components: from.matrix("components")?.into_raw_vec_and_offset().0,
            whiten: from.optional_numbers("variances")?,
        })?),
        StepDescription::SimpleImputer { missing, strategy, indicators } => {
            Step::SimpleImputer(read_simple_imputer(missing, strategy, indicators, from)?)
        }
        StepDescription::PolynomialFeatures { width, min_degree, max_degree, interaction_only, include_bias } => {
            let params = PolynomialFeaturesParams { width, min_degree, max_degree, interaction_only, include_bias };
            Step::PolynomialFeatures(PolynomialFeatures::new(params)?)
        }
        StepDescription::FunctionTransformer { width, function } => {
            let found = Function::ALL.into_iter().find(|known| known.name() == function);
            let wrong =
                || parameter("FunctionTransformer", "func").invalid(printable(&function), "log1p, log, sqrt or abs");
            Step::FunctionTransformer(FunctionTransformer::new(width, found.ok_or_else(wrong)?))
        }
        StepDescription::Nystroem { kernel } => Step::Nystroem(nystroem::read(kernel, from)?),
        StepDescription::VarianceThreshold { width, kept } => {
            Step::VarianceThreshold(VarianceThreshold::new(width, kept)?)
        }
        StepDescription::ColumnTransformer { width, branches } => {
            Step::ColumnTransformer(read_column_transformer(width, branches, from, allowance)?)
        }
    })
}

fn write_optional(to: &mut Target<'_>, arrays: [(&str, Option<&[f64]>); 2]) {
    for (name, numbers) in arrays {
        if let Some(numbers) = numbers {
            to.numbers(name, numbers);
        }
    }
}

fn write_min_max_scaler(scaler: &MinMaxScaler, to: &mut Target<'_>) -> StepDescription {
    let MinMaxScalerParams { scale, min, clip, seen } = scaler.params();
    to.numbers("scale", &scale);
    to.numbers("min", &min);
    if let Some(seen) = seen {
        to.rows("seen", 2, &seen.iter().flat_map(|(low, high)| [*low, *high]).collect::<Vec<_>>());
    }
    StepDescription::MinMaxScaler { clip }
}

fn read_min_max_scaler(clip: Option<(f64, f64)>, from: &TensorScope<'_, '_>) -> Result<MinMaxScaler, OwnError> {
    let seen = from.optional_pairs("seen")?;
    let params = MinMaxScalerParams { scale: from.numbers("scale")?, min: from.numbers("min")?, clip, seen };
    Ok(MinMaxScaler::new(params)?)
}

fn write_power_transformer(transformer: &PowerTransformer, to: &mut Target<'_>) -> StepDescription {
    to.numbers("lambdas", transformer.lambdas());
    if let Some(scaler) = transformer.scaler() {
        write_optional(to, [("mean", scaler.mean()), ("scale", scaler.scale())]);
    }
    let method = match transformer.method() {
        Method::YeoJohnson => MethodDescription::YeoJohnson,
        Method::YeoJohnsonByPower => MethodDescription::YeoJohnsonByPower,
        Method::BoxCox => MethodDescription::BoxCox,
    };
    StepDescription::PowerTransformer { method, standardize: transformer.scaler().is_some() }
}

fn read_power_transformer(
    method: MethodDescription,
    standardize: bool,
    from: &TensorScope<'_, '_>,
) -> Result<PowerTransformer, OwnError> {
    let method = match method {
        MethodDescription::YeoJohnson => Method::YeoJohnson,
        MethodDescription::YeoJohnsonByPower => Method::YeoJohnsonByPower,
        MethodDescription::BoxCox => Method::BoxCox,
    };
    let lambdas = from.numbers("lambdas")?;
    let scaler = || -> Result<_, OwnError> {
        Ok(StandardScaler::new(lambdas.len(), from.optional_numbers("mean")?, from.optional_numbers("scale")?)?)
    };
    let scaler = standardize.then(scaler).transpose()?;
    Ok(PowerTransformer::new(method, lambdas, scaler)?)
}

fn write_quantile_transformer(transformer: &QuantileTransformer, to: &mut Target<'_>) -> StepDescription {
    let QuantileTransformerParams { width, references, quantiles, output } = transformer.params();
    to.numbers("references", &references);
    to.rows("quantiles", width, &quantiles);
    StepDescription::QuantileTransformer {
        output: match output {
            Distribution::Uniform => DistributionDescription::Uniform,
            Distribution::UniformWithin => DistributionDescription::UniformWithin,
            Distribution::Normal => DistributionDescription::Normal,
        },
    }
}

fn read_quantile_transformer(
    output: DistributionDescription,
    from: &TensorScope<'_, '_>,
) -> Result<QuantileTransformer, OwnError> {
    let quantiles = from.matrix("quantiles")?;
    Ok(QuantileTransformer::new(&QuantileTransformerParams {
        width: quantiles.ncols(),
        references: from.numbers("references")?,
        quantiles: quantiles.into_raw_vec_and_offset().0,
        output: match output {
            DistributionDescription::Uniform => Distribution::Uniform,
            DistributionDescription::UniformWithin => Distribution::UniformWithin,
            DistributionDescription::Normal => Distribution::Normal,
        },
    })?)
}

fn write_pca(pca: &Pca, to: &mut Target<'_>) -> StepDescription {
    let PcaParams { mean, components, whiten } = pca.params();
    to.numbers("mean", &mean);
    to.rows("components", mean.len(), &components);
    if let Some(variances) = &whiten {
        to.numbers("variances", variances);
    }
    StepDescription::Pca {}
}

fn write_simple_imputer(imputer: &SimpleImputer, to: &mut Target<'_>) -> StepDescription {
    let SimpleImputerParams { missing, strategy, replacements, indicators } = imputer.params();
    let replacements = replacements.into_iter().map(|number| number.unwrap_or(f64::NAN)).collect::<Vec<_>>();
    to.numbers("replacements", &replacements);
    let missing = match missing {
        MissingMarker::NaN => MissingDescription::Nan,
        MissingMarker::Number(number) => MissingDescription::Number(number),
    };
    let strategy = match strategy {
        Replacement::Middle => StrategyDescription::Middle,
        Replacement::Constant => StrategyDescription::Constant,
    };
    StepDescription::SimpleImputer { missing, strategy, indicators }
}

fn read_simple_imputer(
    missing: MissingDescription,
    strategy: StrategyDescription,
    indicators: Vec<usize>,
    from: &TensorScope<'_, '_>,
) -> Result<SimpleImputer, OwnError> {
    let replacements = from.numbers("replacements")?;
    Ok(SimpleImputer::new(SimpleImputerParams {
        missing: match missing {
            MissingDescription::Nan => MissingMarker::NaN,
            MissingDescription::Number(number) => MissingMarker::Number(number),
        },
        strategy: match strategy {
            StrategyDescription::Middle => Replacement::Middle,
            StrategyDescription::Constant => Replacement::Constant,
        },
        replacements: replacements.into_iter().map(|number| (!number.is_nan()).then_some(number)).collect(),
        indicators,
    })?)
}

fn write_column_transformer(transformer: &ColumnTransformer, to: &mut Target<'_>) -> StepDescription {
    let branches = transformer.branches().iter().enumerate().map(|(number, branch)| BranchDescription {
        columns: branch.columns.clone(),
        steps: branch
            .steps
            .iter()
            .enumerate()
            .map(|(index, step)| write(step, &mut to.at(format!("branches.{number}.steps.{index}"))))
            .collect(),
        weight: branch.weight,
    });
    let branches = branches.collect();
    StepDescription::ColumnTransformer { width: transformer.width(), branches }
}

fn read_column_transformer(
    width: usize,
    branches: Vec<BranchDescription>,
    from: &TensorScope<'_, '_>,
    allowance: &mut Allowance,
) -> Result<ColumnTransformer, OwnError> {
    let branches = branches.into_iter().enumerate().map(|(number, BranchDescription { columns, steps, weight })| {
        let steps = steps
            .into_iter()
            .enumerate()
            .map(|(index, step)| read(step, &from.at(format!("branches.{number}.steps.{index}")), allowance))
            .collect::<Result<_, _>>()?;
        Ok(Branch { columns, steps, weight })
    });
    Ok(ColumnTransformer::new(width, branches.collect::<Result<_, OwnError>>()?)?)
}
