"""Pictures of eviction tell what the engine did."""

from __future__ import annotations

from minidis import Embedded
from minidis.engine.memory import access
from minidis.notebook import views


def test_sample_pool_and_victim_are_those_of_the_engine() -> None:
    redis = Embedded({"maxmemory-policy": "allkeys-lru"}, clock=0, seed=1)
    for number in range(30):
        redis.step(1)
        redis.execute("SET", f"k{number}", "v")
    view = views.eviction(redis)
    assert "no key has gone yet" in str(view)
    view.do("evict")
    last = redis.node.eviction.last
    assert last is not None and redis.execute("DBSIZE") == 29
    data = view.take()
    assert [key for key, _ in data["drawn"]] == [c.key.decode() for c in last.samples]
    assert data["victim"] == [last.key.decode(), f"idle {last.score // 1000} s"]
    assert f"the last was {last.key.decode()}" in str(view)


def test_a_policy_that_lets_nothing_go_says_so() -> None:
    redis = Embedded(clock=0)
    redis.execute("SET", "k", "v")
    view = views.eviction(redis).do("evict")
    assert view.message == "noeviction: no key may go" and redis.execute("DBSIZE") == 1


def test_more_samples_make_a_sharper_edge() -> None:
    dots = views.lru_dots(1)
    shares = [dots.do("samples", samples).take()["right"] for samples in (1, 5, 10)]
    assert shares == sorted(shares) and shares[0] < 70 < 80 < shares[1], shares
    states = dots.take()["states"]
    assert len(states) == 900 and 250 <= states.count("evicted") <= 350
    assert dots.do("another").take()["states"] != states


def test_curves_are_the_engines_own() -> None:
    def points(chart: views.charts.Chart) -> dict[str, list[tuple[float, float]]]:
        return {
            trace["name"]: list(zip(trace["x"], trace["y"], strict=True)) for trace in chart.plotly()["data"]
        }

    (curve,) = points(views.lfu_decay(counter=20, minutes=60, decay_times=(2,))).values()
    assert curve[0] == (0, 20) and curve[-1] == (60, 0)
    growth = points(views.lfu_growth(hits=10_000, factors=(0, 100)))
    assert growth["lfu-log-factor 0"][-1][1] == access.LFU_MOST
    assert growth["lfu-log-factor 100"][-1][1] < 50
