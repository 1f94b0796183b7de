"""scikit-learn's cases: every estimator, metric and kernel that declares array API support."""

# ruff: noqa: SIM905, N803 -- X is scikit-learn's name

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from ecosystem_cases import Case, fixed, plain
from sklearn import (
    calibration,
    decomposition,
    discriminant_analysis,
    kernel_approximation,
    linear_model,
    metrics,
    mixture,
    model_selection,
    naive_bayes,
    pipeline,
    preprocessing,
)
from sklearn.metrics import pairwise
from sklearn.utils import extmath

CASES: list[Case] = []


def add(name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """One case."""
    CASES.append(Case(f"sklearn.{name}", function, args, kwargs))


rng = np.random.default_rng(9)
X = rng.normal(size=(20, 3)) @ np.asarray([[1.0, 0.3, 0], [0, 2.0, 0.1], [0, 0, 0.5]])
Y = rng.normal(size=(7, 3))
classes = (X[:, 0] + 0.4 * rng.normal(size=20) > 0).astype(np.int64)
three = np.asarray([0, 1, 2, 1] * 5)
target = X @ np.asarray([1.0, -2.0, 0.5]) + 0.1 * rng.normal(size=20)
counts = rng.poisson(2.0, size=20).astype(float) + 1


def constant(X: Any) -> Any:
    """X with a column that does not vary: what is asked is the gradient of the others."""
    xp = np if isinstance(X, np.ndarray) else X.__array_namespace__()
    return xp.concat([X, X[:, :1] * 0 + 2.0], axis=1)


def transform(made: Any) -> Callable[..., Any]:
    """Fit and transform."""
    return lambda X: made().fit(X).transform(X)


# Estimators -----------------------------------------------------------------------------------------

p = preprocessing
add("preprocessing.StandardScaler", transform(p.StandardScaler), X)
add(
    "preprocessing.StandardScaler with a constant column",
    lambda X: p.StandardScaler().fit_transform(constant(X)),
    X,
)
add("preprocessing.MinMaxScaler", transform(p.MinMaxScaler), X)
add(
    "preprocessing.MinMaxScaler with a constant column",
    lambda X: p.MinMaxScaler().fit_transform(constant(X)),
    X,
)
add("preprocessing.MaxAbsScaler", transform(p.MaxAbsScaler), X)
add("preprocessing.Normalizer", transform(p.Normalizer), X)
add("preprocessing.Normalizer l1", transform(lambda: p.Normalizer("l1")), X)
add("preprocessing.Normalizer max", transform(lambda: p.Normalizer("max")), X)
add("preprocessing.Binarizer", transform(p.Binarizer), X)
add("preprocessing.PolynomialFeatures", transform(p.PolynomialFeatures), X)
add("preprocessing.KernelCenterer", transform(p.KernelCenterer), X @ X.T)
add("preprocessing.LabelEncoder", transform(p.LabelEncoder), three)
add("preprocessing.LabelBinarizer", transform(p.LabelBinarizer), three)
add("preprocessing.minmax_scale", p.minmax_scale, X)
add("preprocessing.maxabs_scale", p.maxabs_scale, X)
add("preprocessing.normalize", p.normalize, X)


def pca(solver: str, **options: Any) -> Callable[..., Any]:
    """A PCA's reconstruction and spectrum: the same whatever signs its vectors have."""

    def run(X: Any) -> Any:
        made = decomposition.PCA(2, svd_solver=solver, **options).fit(X)
        return made.inverse_transform(made.transform(X)), made.explained_variance_, made.mean_

    return run


add("decomposition.PCA full", pca("full"), X)
add("decomposition.PCA covariance_eigh", pca("covariance_eigh"), X)
add("decomposition.PCA randomized", pca("randomized", power_iteration_normalizer="QR", random_state=0), X)
add(
    "decomposition.PCA whiten",
    lambda X: abs(decomposition.PCA(2, svd_solver="full", whiten=True).fit_transform(X)),
    X,
)
add("kernel_approximation.Nystroem", lambda X: kernel_approximation.Nystroem(
    kernel="rbf", gamma=0.3, n_components=6, random_state=0).fit_transform(X), X)  # fmt: skip
add("naive_bayes.GaussianNB", lambda X, y: naive_bayes.GaussianNB().fit(X, y).predict_proba(X), X, three)


def lda(X: Any, y: Any) -> Any:
    made = discriminant_analysis.LinearDiscriminantAnalysis().fit(X, y)
    return made.predict_proba(X), made.decision_function(X)


add("discriminant_analysis.LinearDiscriminantAnalysis", lda, X, three)
for solver in ("svd", "auto"):
    add(f"linear_model.Ridge {solver}", lambda X, y, s=solver: (
        lambda m: (m.coef_, m.intercept_, m.predict(X)))(linear_model.Ridge(0.5, solver=s).fit(X, y)), X, target)  # fmt: skip
add(
    "linear_model.RidgeCV",
    lambda X, y: linear_model.RidgeCV((0.1, 1.0, 10.0)).fit(X, y).predict(X),
    X,
    target,
)
add(
    "linear_model.RidgeClassifier",
    lambda X, y: linear_model.RidgeClassifier(solver="svd").fit(X, y).decision_function(X),
    X,
    classes,
)
add(
    "linear_model.RidgeClassifierCV",
    lambda X, y: linear_model.RidgeClassifierCV((0.1, 1.0)).fit(X, y).decision_function(X),
    X,
    classes,
)
add(
    "linear_model.LogisticRegression",
    lambda X, y: linear_model.LogisticRegression(tol=1e-10).fit(X, y).predict_proba(X),
    X,
    classes,
)
add(
    "linear_model.LogisticRegression multinomial",
    lambda X, y: linear_model.LogisticRegression(tol=1e-10).fit(X, y).predict_proba(X),
    X,
    three,
)
add(
    "linear_model.PoissonRegressor",
    lambda X, y: linear_model.PoissonRegressor(tol=1e-10, max_iter=1000).fit(X, y).predict(X),
    X,
    counts,
)
add("linear_model.LogisticRegression.predict_proba", lambda X, y, fresh: linear_model.LogisticRegression().fit(
    X, y).predict_proba(fresh), fixed(X), classes, Y)  # fmt: skip
add("calibration.CalibratedClassifierCV temperature", lambda X, y: calibration.CalibratedClassifierCV(
    discriminant_analysis.LinearDiscriminantAnalysis(), method="temperature", cv=2).fit(X, y).predict_proba(X), X, classes)  # fmt: skip
add("mixture.GaussianMixture", lambda X: mixture.GaussianMixture(
    2, init_params="random_from_data", random_state=0, max_iter=3, tol=0).fit(X).score_samples(X), X)  # fmt: skip
add("mixture.GaussianMixture.score_samples", lambda X, fresh: mixture.GaussianMixture(
    2, init_params="random_from_data", random_state=0).fit(X).score_samples(fresh), fixed(X), Y)  # fmt: skip
add("pipeline.Pipeline", lambda X, y: pipeline.make_pipeline(
    p.StandardScaler(), p.PolynomialFeatures(), linear_model.Ridge(0.5, solver="svd")).fit(X, y).predict(X), X, target)  # fmt: skip
add("pipeline.Pipeline with a constant column", lambda X, y: pipeline.make_pipeline(
    p.StandardScaler(), linear_model.Ridge(0.5, solver="svd")).fit(constant(X), y).predict(constant(X)), X, target)  # fmt: skip
add(
    "pipeline.FeatureUnion",
    lambda X: pipeline.make_union(p.StandardScaler(), p.MinMaxScaler()).fit_transform(X),
    X,
)
add("model_selection.GridSearchCV", lambda X, y: model_selection.GridSearchCV(
    linear_model.Ridge(solver="svd"), {"alpha": [0.1, 1.0]}, cv=2, error_score="raise").fit(X, y).predict(X), X, target)  # fmt: skip
add("model_selection.cross_val_predict", lambda X, y: model_selection.cross_val_predict(
    linear_model.Ridge(solver="svd"), X, y, cv=2), X, target)  # fmt: skip
add(
    "model_selection.train_test_split",
    lambda X, y: model_selection.train_test_split(X, y, random_state=0),
    X,
    target,
)

strings = plain(np.where(classes, "a", "b"))
add(
    "linear_model.Ridge of a Tensor and an array",
    lambda X, y: linear_model.Ridge(solver="svd").fit(X, y).coef_,
    X,
    plain(target),
)
add("linear_model.Ridge with weights in an array", lambda X, y, w: linear_model.Ridge(solver="svd").fit(
    X, y, sample_weight=w).coef_, X, target, plain(counts))  # fmt: skip
add(
    "linear_model.Ridge with weights",
    lambda X, y, w: linear_model.Ridge(solver="svd").fit(X, y, sample_weight=w).coef_,
    X,
    target,
    counts,
)
add(
    "naive_bayes.GaussianNB of labels that are strings",
    lambda X, y: naive_bayes.GaussianNB().fit(X, y).predict_proba(X),
    X,
    strings,
)
add("metrics.mean_squared_error of an array and a Tensor", metrics.mean_squared_error, plain(target), counts)

# Metrics --------------------------------------------------------------------------------------------

guess = np.where(rng.uniform(size=20) < 0.7, three, 0)
guess2 = np.where(rng.uniform(size=20) < 0.7, classes, 0)
chance = rng.uniform(0.1, 0.9, size=20)
chances = rng.uniform(0.1, 0.9, size=(20, 3))
chances /= chances.sum(axis=1, keepdims=True)
near = np.abs(target) + 0.3 + 0.1 * np.abs(rng.normal(size=20))
wanted = np.abs(target) + 0.2

for name in "accuracy_score balanced_accuracy_score cohen_kappa_score confusion_matrix multilabel_confusion_matrix zero_one_loss hamming_loss".split():
    add(f"metrics.{name}", getattr(metrics, name), three, guess)
for name in "f1_score jaccard_score precision_score recall_score".split():
    add(f"metrics.{name}", getattr(metrics, name), three, guess, average="macro", zero_division=0.0)
add("metrics.fbeta_score", metrics.fbeta_score, three, guess, beta=0.5, average="macro", zero_division=0.0)
for (
    name
) in "average_precision_score det_curve precision_recall_curve roc_curve brier_score_loss log_loss".split():
    add(f"metrics.{name}", getattr(metrics, name), classes, chance)
for name in "d2_brier_score d2_log_loss_score".split():
    add(f"metrics.{name}", getattr(metrics, name), classes, chance)
add("metrics.log_loss of three classes", metrics.log_loss, three, chances)
for name in (
    "r2_score explained_variance_score mean_absolute_error mean_pinball_loss mean_squared_error mean_squared_log_error "
    "median_absolute_error d2_absolute_error_score d2_pinball_score d2_tweedie_score mean_tweedie_deviance "
    "mean_poisson_deviance mean_gamma_deviance max_error mean_absolute_percentage_error root_mean_squared_error "
    "root_mean_squared_log_error"
).split():
    add(f"metrics.{name}", getattr(metrics, name), wanted, near)
for name in "mean_absolute_error mean_squared_error r2_score mean_pinball_loss".split():
    add(f"metrics.{name} multioutput", getattr(metrics, name), X, X + 0.3, multioutput="raw_values")
add("metrics.mean_tweedie_deviance power 1.5", metrics.mean_tweedie_deviance, wanted, near, power=1.5)

P = np.abs(Y) + 0.1
for name in (
    "cosine_similarity cosine_distances euclidean_distances manhattan_distances linear_kernel laplacian_kernel "
    "polynomial_kernel rbf_kernel sigmoid_kernel pairwise_kernels pairwise_distances pairwise_distances_argmin"
).split():
    add(f"metrics.pairwise.{name}", getattr(pairwise, name), X, Y)
for name in "additive_chi2_kernel chi2_kernel".split():
    add(f"metrics.pairwise.{name}", getattr(pairwise, name), np.abs(X) + 0.1, P)
for name in "paired_cosine_distances paired_euclidean_distances paired_manhattan_distances".split():
    add(f"metrics.pairwise.{name}", getattr(pairwise, name), X[:7], Y)
add("metrics.pairwise.euclidean_distances to itself", pairwise.euclidean_distances, Y)
add("metrics.cluster.entropy", metrics.cluster.entropy, three)
add("metrics.calinski_harabasz_score", metrics.calinski_harabasz_score, X, three)
add("utils.extmath.softmax", extmath.softmax, Y)
