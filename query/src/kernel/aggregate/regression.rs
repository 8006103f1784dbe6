//! Correlation, covariance and linear regression of pairs of floats by PostgreSQL's algorithm (Youngs and Cramer).
//!
//! Invariant: finite values never give an infinite sum, which is 22003.

use crate::kernel::floats;
use base::Result;
use types::Datum;

/// What is computed of pairs (y, x).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Regression {
    Count,
    AverageX,
    AverageY,
    SquaresX,
    SquaresY,
    Products,
    Correlation,
    CovariancePopulation,
    CovarianceSample,
    Determination,
    Slope,
    Intercept,
}

impl Regression {
    /// By the name of the aggregate.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "regr_count" => Regression::Count,
            "regr_avgx" => Regression::AverageX,
            "regr_avgy" => Regression::AverageY,
            "regr_sxx" => Regression::SquaresX,
            "regr_syy" => Regression::SquaresY,
            "regr_sxy" => Regression::Products,
            "corr" => Regression::Correlation,
            "covar_pop" => Regression::CovariancePopulation,
            "covar_samp" => Regression::CovarianceSample,
            "regr_r2" => Regression::Determination,
            "regr_slope" => Regression::Slope,
            "regr_intercept" => Regression::Intercept,
            _ => return None,
        })
    }
}

/// Number of pairs, sums, and sums of squared distances from the averages and of their products.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    count: i64,
    pairs: f64,
    x: f64,
    y: f64,
    xx: f64,
    yy: f64,
    xy: f64,
}

impl Sums {
    pub(crate) fn add(&mut self, y: f64, x: f64) -> Result<()> {
        let before = *self;
        self.count += 1;
        self.pairs += 1.0;
        self.x += x;
        self.y += y;
        if before.pairs == 0.0 {
            if !x.is_finite() {
                (self.xx, self.xy) = (f64::NAN, f64::NAN);
            }
            if !y.is_finite() {
                (self.yy, self.xy) = (f64::NAN, f64::NAN);
            }
            return Ok(());
        }
        let (far_x, far_y) = (x * self.pairs - self.x, y * self.pairs - self.y);
        let scale = 1.0 / (self.pairs * before.pairs);
        self.xx += far_x * far_x * scale;
        self.yy += far_y * far_y * scale;
        self.xy += far_x * far_y * scale;
        let infinite_x = before.x.is_infinite() || x.is_infinite();
        let infinite_y = before.y.is_infinite() || y.is_infinite();
        if ((self.x.is_infinite() || self.xx.is_infinite()) && !infinite_x)
            || ((self.y.is_infinite() || self.yy.is_infinite()) && !infinite_y)
            || (self.xy.is_infinite() && !infinite_x && !infinite_y)
        {
            return Err(floats::overflow());
        }
        for sum in [&mut self.xx, &mut self.yy, &mut self.xy] {
            if sum.is_infinite() {
                *sum = f64::NAN;
            }
        }
        Ok(())
    }

    pub(crate) fn finish(&self, wanted: Regression) -> Datum {
        let Self { count, pairs, x, y, xx, yy, xy } = *self;
        let value = match wanted {
            Regression::Count => return Datum::Int64(count),
            Regression::CovarianceSample if count < 2 => None,
            _ if count < 1 => None,
            Regression::AverageX => Some(x / pairs),
            Regression::AverageY => Some(y / pairs),
            Regression::SquaresX => Some(xx),
            Regression::SquaresY => Some(yy),
            Regression::Products => Some(xy),
            Regression::CovariancePopulation => Some(xy / pairs),
            Regression::CovarianceSample => Some(xy / (pairs - 1.0)),
            Regression::Correlation if xx == 0.0 || yy == 0.0 => None,
            Regression::Correlation => Some(xy / (xx * yy).sqrt()),
            Regression::Determination | Regression::Slope | Regression::Intercept if xx == 0.0 => None,
            Regression::Determination if yy == 0.0 => Some(1.0),
            Regression::Determination => Some((xy * xy) / (xx * yy)),
            Regression::Slope => Some(xy / xx),
            Regression::Intercept => Some((y - x * xy / xx) / pairs),
        };
        value.map_or(Datum::Null, Datum::Float64)
    }
}
