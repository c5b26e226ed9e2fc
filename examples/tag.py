"""Tag: whoever is "it" passes it on by touch. Run: `tickwire serve examples/tag.py:Tag`."""

from typing import Annotated

from pydantic import Field

from game_server import Entity, Game, Input, Seat, kept, replicated, serve


class Steer(Input):  # checked at the door, shared with the client
    dx: Annotated[int, Field(ge=-1, le=1)] = 0
    dy: Annotated[int, Field(ge=-1, le=1)] = 0


class Runner(Entity):
    x: float = replicated(0.0, step=0.01)  # metres, 1 cm on the wire
    y: float = replicated(0.0, step=0.01)
    is_it: bool = replicated(False)
    rest_ticks: int = kept(0)  # stays on the server: a fresh "it" must wait before passing it on


def run(runner: Runner, steer: Steer, dt_s: float) -> None:  # a predicting client calls the same rule
    runner.x = min(max(runner.x + 4.0 * steer.dx * dt_s, 0.0), 10.0)
    runner.y = min(max(runner.y + 4.0 * steer.dy * dt_s, 0.0), 10.0)


class Tag(Game):
    tick_rate_hz, seats_max, input = 20, 8, Steer

    def on_join(self, seat: Seat) -> None:
        self.world.spawn(Runner(x=self.rng.uniform(0, 9), is_it=not self.world.all(Runner)), owner=seat)

    def on_input(self, seat: Seat, steer: Steer) -> None:
        run(self.world.owned(seat, Runner), steer, self.dt_s)

    def on_tick(self, tick: int) -> None:
        for it in [runner for runner in self.world.all(Runner) if runner.is_it]:
            it.rest_ticks = max(0, it.rest_ticks - 1)
            for other in self.world.all(Runner):
                touches = (other.x - it.x) * (other.x - it.x) + (other.y - it.y) * (other.y - it.y) < 0.5 * 0.5
                if touches and other is not it and it.rest_ticks == 0:
                    it.is_it, other.is_it, other.rest_ticks = False, True, self.tick_rate_hz
                    break

    def on_leave(self, seat: Seat) -> None:
        leaver = self.world.owned(seat, Runner)
        self.world.despawn(leaver)
        for heir in self.world.all(Runner)[: leaver.is_it]:  # "it" must not leave the match
            heir.is_it = True


if __name__ == "__main__":
    serve(Tag)
