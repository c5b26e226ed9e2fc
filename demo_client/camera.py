"""Which part of the field the window shows.

To test: `tests/demo_client/test_camera.py`.
"""

from math import exp

from demo_game.rules import FIELD_M

VIEW_HEIGHT_M = 24.0
FOLLOW_S = 0.12
"""Time constant with which the camera follows; the ship leads it a little."""
LEAD_S = 0.25
BEYOND_M = 8.0
"""So much of what lies outside of the field is shown at most; there is nothing to see."""
SNAP_M = 12.0
"""A target that is further away is jumped to: it respawned."""


class Camera:
    """A smooth eye on the field; pure arithmetic. *Units*: metres in the field, pixels in the window."""

    def __init__(self, width: int, height: int) -> None:
        self.resize(width, height)
        self.x = self.y = 0.0
        self._shake = self._phase = 0.0

    def resize(self, width: int, height: int) -> None:
        """Take a window's size; the visible height in metres stays."""
        self.width, self.height = width, height
        self.scale = height / VIEW_HEIGHT_M

    def look_at(self, x: float, y: float) -> None:
        """Jump there."""
        self.x, self.y = x, y

    def follow(self, x: float, y: float, vx: float, vy: float, dt_s: float) -> None:
        """Move towards a target and a little ahead of it."""
        x = self._inside(x + vx * LEAD_S, self.width / self.scale / 2)
        y = self._inside(y + vy * LEAD_S, self.height / self.scale / 2)
        if (x - self.x) ** 2 + (y - self.y) ** 2 > SNAP_M * SNAP_M:
            self.look_at(x, y)
        part = 1.0 - exp(-dt_s / FOLLOW_S)
        self.x += (x - self.x) * part
        self.y += (y - self.y) * part
        self._shake *= exp(-dt_s / 0.12)
        self._phase += dt_s

    @staticmethod
    def _inside(target: float, half_m: float) -> float:
        low = half_m - BEYOND_M
        return min(max(target, low), FIELD_M - low) if low < FIELD_M / 2 else FIELD_M / 2

    def shake(self, strength_m: float) -> None:
        """Shake by so much; it fades at once."""
        self._shake = min(self._shake + strength_m, 0.6)

    @property
    def eye(self) -> tuple[float, float]:
        """The point of the field in the middle of the window, shaken."""
        wave_x = (self._phase * 37.0) % 2.0 - 1.0
        wave_y = (self._phase * 29.0) % 2.0 - 1.0
        return self.x + wave_x * self._shake, self.y + wave_y * self._shake

    def to_screen(self, x: float, y: float) -> tuple[float, float]:
        """Return the pixel of a point of the field."""
        eye_x, eye_y = self.eye
        return (x - eye_x) * self.scale + self.width / 2, (y - eye_y) * self.scale + self.height / 2

    def to_field(self, pixel_x: float, pixel_y: float) -> tuple[float, float]:
        """Return the point of the field under a pixel."""
        eye_x, eye_y = self.eye
        return (pixel_x - self.width / 2) / self.scale + eye_x, (pixel_y - self.height / 2) / self.scale + eye_y

    def sees(self, x: float, y: float, margin_m: float = 3.0) -> bool:
        """Return whether a point is in the window or nearly so."""
        half_w = self.width / self.scale / 2 + margin_m
        half_h = self.height / self.scale / 2 + margin_m
        return abs(x - self.x) <= half_w and abs(y - self.y) <= half_h
