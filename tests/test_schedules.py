"""Schedules of learning rates, and stopping early."""

import pickle
import warnings

import pytest
from descent import parameter

import autograd as ag
import optim
from optim import lr_scheduler
from optim.lr_scheduler import ReduceLROnPlateau, StepLR

# -- schedules -----------------------------------------------------------------------------------


def sgd(lr=1.0):
    return optim.SGD([parameter(1)], lr=lr)


def test_schedule_before_the_optimizer_is_warned_about():
    optimizer = sgd()
    schedule = lr_scheduler.ExponentialLR(optimizer, 0.5)
    with pytest.warns(UserWarning, match=r"call optimizer\.step\(\) first"):
        schedule.step()
    schedule.step()  # once is enough
    assert schedule.get_last_lr() == [0.25]


def test_initial_lr_is_remembered_in_the_groups():
    optimizer = sgd(0.4)
    lr_scheduler.ConstantLR(optimizer, 0.5)
    assert optimizer.param_groups[0]["initial_lr"] == 0.4
    assert optimizer.param_groups[0]["lr"] == 0.2


def test_continuing_needs_the_initial_lr():
    with pytest.raises(KeyError, match="'initial_lr': load the optimizer's state"):
        StepLR(sgd(), 3, last_epoch=5)


def test_schedule_state_round_trip():
    optimizer, other = sgd(), sgd()
    schedule = lr_scheduler.MultiStepLR(optimizer, [2, 4])
    for _ in range(3):
        optimizer.step()
        schedule.step()
    again = lr_scheduler.MultiStepLR(other, [1])
    other.load_state_dict(optimizer.state_dict())
    state = schedule.state_dict()
    again.load_state_dict(state)
    for thing in (optimizer, schedule, other, again):
        thing.step()
    assert again.get_last_lr() == schedule.get_last_lr() == [0.1 * 0.1]
    assert again.milestones is not state["milestones"]


def test_state_of_another_schedule_is_refused():
    state = StepLR(sgd(), 3).state_dict()
    with pytest.raises(ValueError, match=r"not the state of a ExponentialLR: \['step_size'\]"):
        lr_scheduler.ExponentialLR(sgd(), 0.5).load_state_dict(state)
    chained = lr_scheduler.ChainedScheduler([StepLR(sgd(), 3)])
    with pytest.raises(ValueError, match="has 0 schedules"):
        chained.load_state_dict({"_schedulers": []})


def test_lambda_objects_keep_their_state():
    class Decay:
        def __init__(self, rate):
            self.rate = rate

        def __call__(self, epoch):
            return self.rate**epoch

    first = lr_scheduler.LambdaLR(sgd(), Decay(0.5))
    second = lr_scheduler.LambdaLR(sgd(), Decay(0.1))
    second.load_state_dict(first.state_dict())
    assert second.lr_lambdas[0].rate == 0.5
    third = lr_scheduler.LambdaLR(sgd(), abs)
    third.load_state_dict(third.state_dict())
    assert third.lr_lambdas == [abs]


def test_constant_zero():
    optimizer = sgd()
    schedule = lr_scheduler.ConstantLR(optimizer, 0, total_iters=2)
    rates = []
    for _ in range(4):
        rates += schedule.get_last_lr()
        optimizer.step()
        schedule.step()
    assert rates == [0.0, 0.0, 1.0, 1.0]


def test_one_cycle_turns_the_first_beta():
    optimizer = optim.Adam([parameter(1)])
    lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=10)
    assert optimizer.param_groups[0]["betas"] == (0.95, 0.999)


@pytest.mark.parametrize(("make", "error", "message"), [
    (lambda o: StepLR("adam", 3), TypeError, "expected an Optimizer, got str"),
    (lambda o: StepLR(o, 0), ValueError, "step_size"),
    (lambda o: lr_scheduler.ConstantLR(o, 1.5), ValueError, "factor"),
    (lambda o: lr_scheduler.LinearLR(o, 0), ValueError, "start_factor"),
    (lambda o: lr_scheduler.LinearLR(o, 0.1, 2), ValueError, "end_factor"),
    (lambda o: lr_scheduler.LambdaLR(o, [abs, abs]), ValueError, "expected 1 values"),
    (lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 0), ValueError, "T_0"),
    (lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 3, 1.5), ValueError, "T_mult"),
    (lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 3).step(-1), ValueError, "epoch"),
    (lambda o: ReduceLROnPlateau(o, factor=1.0), ValueError, "factor"),
    (lambda o: ReduceLROnPlateau(o, mode="best"), ValueError, "mode"),
    (lambda o: ReduceLROnPlateau(o, threshold_mode="x"), ValueError, "threshold_mode"),
    (lambda o: lr_scheduler.OneCycleLR(o, 1.0), ValueError, "total_steps"),
    (lambda o: lr_scheduler.OneCycleLR(o, 1.0, total_steps=0), ValueError, "total_steps"),
    (lambda o: lr_scheduler.OneCycleLR(o, 1.0, 9, pct_start=2), ValueError, "pct_start"),
    (lambda o: lr_scheduler.OneCycleLR(o, 1.0, 9, anneal_strategy="x"), ValueError, "strategy"),
    (lambda o: lr_scheduler.SequentialLR(o, [], []), ValueError, "at least one"),
    (lambda o: lr_scheduler.SequentialLR(o, [StepLR(o, 1)], [3]), ValueError, "0 milestones"),
    (lambda o: lr_scheduler.SequentialLR(sgd(), [StepLR(o, 1)], []), ValueError, "another"),
    (lambda o: lr_scheduler.ChainedScheduler([ReduceLROnPlateau(o)]), ValueError, "metric"),
    (lambda o: lr_scheduler.ChainedScheduler([o]), TypeError, "schedule 0 is a SGD"),
    (lambda o: lr_scheduler.LRScheduler(o), NotImplementedError, "get_lr"),
])  # fmt: skip
def test_refused_schedules(make, error, message):
    with pytest.raises(error, match=message):
        make(sgd())


def test_one_cycle_needs_a_momentum_and_ends():
    class Bare(optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {"lr": 1.0})

    with pytest.raises(ValueError, match="Bare has neither"):
        lr_scheduler.OneCycleLR(Bare([parameter(1)]), 1.0, 9)
    optimizer = Bare([parameter(1)])
    schedule = lr_scheduler.OneCycleLR(optimizer, 1.0, 3, cycle_momentum=False)
    optimizer.step()
    for _ in range(3):
        schedule.step()
    with pytest.raises(ValueError, match="ends after total_steps=3"):
        schedule.step()


def test_plateau_follows_new_groups():
    optimizer = sgd()
    schedule = ReduceLROnPlateau(optimizer, patience=0, factor=0.5)
    fixed = ReduceLROnPlateau(optimizer, patience=0, min_lr=[0.1])
    optimizer.add_param_group({"params": [parameter(1)], "lr": 0.2})
    for metric in (1.0, ag.tensor(1.0)):
        schedule.step(metric)
    assert schedule.get_last_lr() == [0.5, 0.1]
    with pytest.raises(RuntimeError, match="extend min_lrs"):
        for metric in (1.0, 1.0):
            fixed.step(metric)


# -- early stopping ------------------------------------------------------------------------------


class Model:
    """As much of a module as early stopping needs."""

    def __init__(self, value):
        self.weight = ag.tensor([value])

    def state_dict(self):
        return {"weight": self.weight.detach()}

    def load_state_dict(self, state):
        self.weight.array[...] = state["weight"].array


def test_early_stopping_restores_the_best():
    stopping, model = optim.EarlyStopping(patience=2), Model(0.0)
    stops = []
    for epoch, loss in enumerate([3.0, 1.0, 2.0, 1.0]):
        model.weight.array[...] = epoch
        stops.append(stopping.step(ag.tensor(loss), model))
    assert stops == [False, False, False, True] and stopping.stopped
    assert (stopping.best, stopping.best_epoch) == (1.0, 1)
    assert model.weight.tolist() == [1.0]


def test_early_stopping_can_be_asked_to_restore():
    stopping, model = optim.EarlyStopping(mode="max"), Model(5.0)
    with pytest.raises(RuntimeError, match="no best state"):
        stopping.restore(model)
    stopping.step(0.5, model)
    model.weight.array[...] = 0
    stopping.restore(model)
    assert model.weight.tolist() == [5.0]


def test_early_stopping_without_restoring():
    stopping, model = optim.EarlyStopping(patience=0, restore_best=False), Model(5.0)
    assert not stopping.step(1.0, model) and stopping.best_state is None
    assert stopping.step(1.0, model)


@pytest.mark.parametrize(("mode", "metrics", "best"), [
    ("min", [1.0, 0.95, 0.8], (0.8, 2)), ("max", [1.0, 1.05, 1.3], (1.3, 2)),
])  # fmt: skip
def test_min_delta(mode, metrics, best):
    stopping = optim.EarlyStopping(patience=5, min_delta=0.1, mode=mode)
    for metric in metrics:
        stopping.step(metric)
    assert (stopping.best, stopping.best_epoch) == best and stopping.bad_epochs == 0


def test_nan_is_reported_and_never_the_best():
    stopping = optim.EarlyStopping(patience=2)
    with pytest.warns(RuntimeWarning, match="epoch 0 is NaN"):
        assert not stopping.step(float("nan"))
    assert not stopping.step(1.0) and stopping.best_epoch == 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert [stopping.step(float("nan")) for _ in range(2)] == [False, True]
    assert stopping.best == 1.0


def test_early_stopping_state_round_trip():
    stopping, model = optim.EarlyStopping(patience=2), Model(3.0)
    stopping.step(1.0, model)
    stopping.step(2.0, model)
    again = optim.EarlyStopping()
    again.load_state_dict(pickle.loads(pickle.dumps(stopping.state_dict())))
    model.weight.array[...] = 0
    assert again.step(2.0, model)
    assert model.weight.tolist() == [3.0]
    with pytest.raises(ValueError, match="not the state of an EarlyStopping"):
        again.load_state_dict({"patience": 1})


@pytest.mark.parametrize("options", [{"mode": "best"}, {"patience": -1}, {"min_delta": -0.1}])
def test_refused_early_stopping(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))} expected"):
        optim.EarlyStopping(**options)
