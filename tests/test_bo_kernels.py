"""Kernels and priors against GPJax, scikit-learn and scipy; expressions; the flat vector of hyperparameters."""

import gpjax as gpx
import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
import scipy.stats
from gpjax.kernels.base import val
from numpyro.distributions import biject_to
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process import kernels as sk

import bo
from bo.data import observations
from bo.surrogates import kernels, pathwise
from bo.surrogates.hyperparameters import Hyperparameter, layout
from bo.surrogates.process import process
from bo.surrogates.process_types import GPConfig, GPParams

ARD, ONE = np.array([0.3, 0.8]), np.array([0.3])
THEIRS = {
    "rbf": (sk.RBF(ARD), gpx.kernels.RBF, {}),
    "matern12": (sk.Matern(ARD, nu=0.5), gpx.kernels.Matern12, {}),
    "matern32": (sk.Matern(ARD, nu=1.5), gpx.kernels.Matern32, {}),
    "matern52": (sk.Matern(ARD, nu=2.5), gpx.kernels.Matern52, {}),
    # theirs have one lengthscale; the periodic one a factor 4 in the exponent and the distance in the sine
    "rq": (sk.RationalQuadratic(0.3, alpha=1.4), gpx.kernels.RationalQuadratic, {"alpha": 1.4}),
    "periodic": (sk.ExpSineSquared(0.6, periodicity=0.7), gpx.kernels.Periodic, {"period": 0.7}),
}


def tree(expression, dim, value):
    """A hyperparameter tree of that expression with every positive number drawn around ``value``."""
    priors = kernels.kernel(expression).priors(dim)
    count = iter(range(1, 100))
    return jax.tree.map(
        lambda leaf: jnp.asarray(np.full(leaf.prior.shape(), value * (1 + 0.1 * next(count)))),
        priors,
        is_leaf=lambda leaf: isinstance(leaf, Hyperparameter),
    )


@pytest.mark.parametrize("name", THEIRS)
def test_every_kernel_equals_gpjax_and_scikit_learn(key, name):
    theirs, at_gpjax, extra = THEIRS[name]
    lengthscale = ONE if extra else ARD
    dim = lengthscale.size
    x, query = jax.random.uniform(key, (2, 20, dim))
    y = jnp.asarray(np.sin(6 * np.asarray(x)[:, 0]))
    values = {"lengthscale": jnp.asarray(lengthscale), "variance": jnp.array(1.7)}
    values |= {key: jnp.array(value) for key, value in extra.items()}
    params = GPParams((values,), *map(jnp.asarray, (0.01, 0.0, 0.0, 1.0)))
    model, data = process(GPConfig(kernel=name)), observations(x, y)

    @jax.jit
    def study(params, x, query):
        (values,) = params.kernel
        ours = kernels.cross(kernels.kernel(name).build(params.kernel), x, query)
        prediction = model.predict_at(params, data, model.prepare(params, data), query)
        return ours, at_gpjax(**values).cross_covariance(x, query), model.log_likelihood(params, data), prediction

    ours, of_gpjax, likelihood, prediction = study(params, x, query)
    np.testing.assert_allclose(ours, of_gpjax, atol=1e-14)

    regressor = GaussianProcessRegressor(1.7 * theirs, alpha=0.01, optimizer=None).fit(x, y)
    np.testing.assert_allclose(likelihood, regressor.log_marginal_likelihood(regressor.kernel_.theta), rtol=1e-9)
    mean, std = regressor.predict(np.asarray(query), return_std=True)
    np.testing.assert_allclose(prediction.mean, mean, atol=1e-8)
    np.testing.assert_allclose(prediction.std, std, atol=1e-6)


def test_sums_and_products_equal_gpjax_s_and_follow_python_s_precedence(key):
    x, query = jax.random.uniform(key, (2, 7, 3))
    expression = "rbf + matern32[0] * (rq + periodic[1, 2])"
    params = tree(expression, 3, 0.5)
    assert [sorted(part) for part in params] == [
        ["lengthscale", "variance"],
        ["lengthscale", "variance"],
        ["alpha", "lengthscale"],
        ["lengthscale", "period", "variance"],
    ]  # fmt: skip  (the second factor's first term has no variance of its own)

    @jax.jit
    def study(params):
        a, b, c, d = params
        theirs = gpx.kernels.RBF(**a) + gpx.kernels.Matern32(active_dims=[0], **b) * (
            gpx.kernels.RationalQuadratic(variance=jnp.array(1.0), **c) + gpx.kernels.Periodic(active_dims=[1, 2], **d)
        )
        built = kernels.kernel(expression).build(params)
        ours = kernels.cross(built, x, query), kernels.diagonal(built, x)
        return ours, (theirs.cross_covariance(x, query), jnp.diagonal(theirs.gram(x).as_matrix()))

    for ours, of_gpjax in zip(*study(params), strict=True):
        np.testing.assert_allclose(ours, of_gpjax, rtol=1e-12)


@pytest.mark.parametrize("bad", ["cubic", "rbf +", "rbf - rbf", "2 * rbf", "rbf[0, 0]", "rbf[-1]", "rbf['a']", ""])
def test_expressions_that_are_no_kernels_are_refused(bad):
    with pytest.raises(ValueError, match="matern52.*joined by"):
        GPConfig(kernel=bad)


def test_an_input_beyond_the_data_and_a_prior_without_ard_are_refused():
    with pytest.raises(ValueError, match="needs input 2"):
        kernels.kernel("rbf[2]").priors(2)
    for prior, ard in (("saas", False), ("shared", False), ("common", True)):
        with pytest.raises(ValueError, match=f"lengthscale_prior is '{prior}' with ard={ard}.*shared.*saas"):
            GPConfig(lengthscale_prior=prior, ard=ard)


def test_priors_are_the_dimension_scaled_log_normals():
    model, dim = process(GPConfig(kernel="matern52 + periodic + rq")), 5
    theta = jax.random.normal(jax.random.key(0), (model.layout(dim).size,))
    (matern, periodic, rq), noise, mean = jax.jit(model.layout(dim).constrain)(theta)

    def log_normal(value, location, scale):
        return scipy.stats.lognorm.logpdf(value, scale, scale=np.exp(location)).sum()

    wide = (np.sqrt(2) + np.log(5) / 2, np.sqrt(3))
    expected = log_normal(matern["lengthscale"], *wide) + log_normal(rq["lengthscale"], *wide)
    expected += log_normal(periodic["lengthscale"], np.log(5) / 2, 1) + log_normal(periodic["period"], -0.7, 0.7)
    expected += log_normal(rq["alpha"], 0, 1) + log_normal(noise, -4, 1) + scipy.stats.norm.logpdf(mean)
    expected += sum(log_normal(part["variance"], 0, 1) for part in (matern, periodic, rq))
    np.testing.assert_allclose(jax.jit(model.layout(dim).log_prior)(theta)[0], expected, rtol=1e-12)


def test_shared_lengthscales_are_one_number_until_the_data_tell_inputs_apart(key):
    model, dim = process(GPConfig(kernel="rbf", lengthscale_prior="shared")), 4
    theta = jnp.arange(model.layout(dim).size) / 10
    (values,), noise, mean = jax.jit(model.layout(dim).constrain)(theta)
    built = kernels.kernel("rbf", lengthscale="shared").build((values,))
    np.testing.assert_allclose(val(built.lengthscale), values["common"] * values["relative"], rtol=1e-15)
    density = scipy.stats.lognorm.logpdf(values["common"], np.sqrt(2.7), scale=2 * np.exp(np.sqrt(2)))
    density += scipy.stats.lognorm.logpdf(values["relative"], np.sqrt(0.3), scale=np.exp(0.3)).sum()
    density += scipy.stats.lognorm.logpdf(values["variance"], 1) + scipy.stats.norm.logpdf(mean)
    density += scipy.stats.lognorm.logpdf(noise, 1, scale=np.exp(-4)).sum()
    np.testing.assert_allclose(jax.jit(model.layout(dim).log_prior)(theta)[0], density, rtol=1e-12)

    x = jax.random.uniform(key, (60, dim))
    y = jnp.sin(4 * x[:, 0]) + jnp.sin(5 * x[:, 1])  # the other two do not matter

    init = jax.jit(bo.gaussian_process(GPConfig(lengthscale_prior="shared", starts=2)).init)

    def apart(count):
        (fitted,), *_ = init(key, bo.observations(x, y, mask=jnp.arange(60) < count))
        return np.log(fitted["relative"][2:].min() / fitted["relative"][:2].max())

    assert abs(apart(5)) < 0.3 and apart(60) > 0.6


def test_saas_shrinks_all_inputs_by_one_number_and_the_rest_one_by_one():
    config = GPConfig(kernel="rbf", lengthscale_prior="saas")
    shape, x = process(config).layout(3), jnp.array([[0.1, 0.5, 0.9]])
    (values,), *_ = jax.jit(shape.constrain)(jnp.arange(shape.size) / 10)
    y = x + jnp.array([[0.3, -0.2, 0.1]])
    distance = float(values["shrinkage"] * jnp.sum(values["relevance"][None] * (x - y) ** 2))
    built = kernels.kernel("rbf", lengthscale="saas")
    value = jax.jit(lambda values: kernels.cross(built.build((values,)), x, y))(values)
    np.testing.assert_allclose(value[0, 0], values["variance"] * np.exp(-distance / 2), rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_flat_vector_and_the_tree_are_inverses_and_the_volume_is_their_jacobian(key, dtype):
    priors = {
        "slope": Hyperparameter(dist.Normal(2.0, 0.5)),
        "share": Hyperparameter(dist.Uniform(-1.0, 3.0)),
        "weights": Hyperparameter(dist.Dirichlet(jnp.ones(3, dtype))),
        "length": Hyperparameter(dist.LogNormal(0.0, 1.0).expand((2,)), (-1.0, 0.5)),
    }
    shape = layout(priors, jnp.dtype(dtype))
    theta, constrain = jax.jit(shape.starts, static_argnums=1)(key, 5), jax.jit(shape.constrain)
    assert theta.shape == (5, 1 + 1 + 2 + 2) and theta.dtype == dtype
    natural = constrain(theta[1])
    assert all(leaf.dtype == dtype for leaf in jax.tree.leaves(natural))
    np.testing.assert_allclose(
        jax.jit(shape.unconstrain)(natural), theta[1], rtol=1e-5 if dtype == "float32" else 1e-12
    )
    first = constrain(theta[0])  # medians of the priors, and exp of the given centre
    np.testing.assert_allclose(first["length"], np.exp(-1), rtol=1e-6)
    assert abs(first["slope"] - 2) < 0.3 and abs(first["share"] - 1) < 0.6
    if dtype == "float64":
        free = {name: prior for name, prior in priors.items() if name != "weights"}
        small = layout(free, dtype)
        point = jax.jit(small.starts, static_argnums=1)(key, 2)[1]
        move = biject_to(dist.Uniform(-1.0, 3.0).support)

        @jax.jit
        def study(point):
            natural = small.constrain(point)
            jacobian = jax.jacfwd(
                lambda t: jnp.concatenate([jnp.ravel(v) for v in jax.tree.leaves(small.constrain(t))])
            )
            return small.log_prior(point)[1], jacobian(point), natural["share"], move(small.unconstrain(natural)[2])

        volume, jacobian, share, mapped = jax.device_get(study(point))
        np.testing.assert_allclose(volume, np.linalg.slogdet(jacobian)[1], rtol=1e-10)
        np.testing.assert_allclose(share, mapped)


def test_the_mean_cosine_of_random_frequencies_is_the_kernel():
    lag = jnp.array([0.3, -0.4])
    for name in ("RBF", "Matern12", "Matern32", "Matern52", "RationalQuadratic"):
        built = getattr(gpx.kernels, name)(lengthscale=0.7, variance=2.0)
        spectrum, variance = pathwise.frequencies(jax.random.key(3), built, 2, 20_000)
        assert spectrum.shape == (20_000, 2)
        np.testing.assert_allclose(variance * jnp.cos(spectrum @ lag).mean(), built(jnp.zeros(2), lag), atol=0.03)
