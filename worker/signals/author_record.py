"""What the detector said of this author's earlier posts.

One post says little, many say more, but not as much as if they were independent: they share a topic, a
style, a bias of the detector. Adding the log-odds of n posts with the intraclass correlation r between them
weighs their sum by 1 / (1 + (n - 1) r) (Kish 1965); that is the mean shrunken towards zero by 1/r - 1
imagined posts, times 1/r. The value is that mean; its weight stands in the policy. `docs/signals.md` tells
how both were chosen.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from worker.signals.facts import name_of
from worker.signals.protocol import EARLIER, Row, constants

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.detector.calibration import Calibration
    from worker.signals.facts import Facts

SHRINKAGE: Final = 10
FEWEST: Final = 3
# No single post may decide: its calibrated log-odds are cut off here.
CLIP: Final = 4.0
_ROW: Final = struct.Struct(">d8s4sd?")

# A sorted set an author: event time; post, start of the text's digest, logit. Where the calibration goes by
# length too, the calibrated log-odds are kept in the logit's place. A post that the detector is not
# calibrated for leaves nothing behind, but what came before it is read.
_SCRIPT: Final = f"""{EARLIER}
local most, slope, intercept = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local clip, replies = tonumber(ARGV[8]), {{}}
for i, key in ipairs(KEYS) do
  local at, member, covered = struct.unpack('>dc20b', ARGV[1], (i - 1) * 29 + 1)
  if covered == 1 then note(key, at, member) else redis.call('ZADD', key, at, member) end
  local count, sum = 0, 0
  local seen, texts = {{[string.sub(member, 1, 8)] = true}}, {{}}
  local posts, first, last = earlier(key, at, since(at), member, most)
  for place = first, last do
    local other = posts[place]
    local post, text = string.sub(other, 1, 8), string.sub(other, 9, 12)
    if not seen[post] and not texts[text] then
      seen[post], texts[text] = true, true
      local evidence = slope * struct.unpack('>d', other, 13) + intercept
      count, sum = count + 1, sum + math.max(-clip, math.min(clip, evidence))
    end
  end
  if covered == 0 then redis.call('ZREM', key, member) end
  replies[i] = string.format('%d %.17g', count, sum)
end
return replies
"""


class AuthorRecord:
    """Shrunken mean of the calibrated log-odds of the author's earlier posts in the window.

    Of the latest posts at most; the same text counts once, and so does a post that was edited. Posts that
    the detector is not calibrated for are not counted. None with fewer than `FEWEST` posts.

    Args:
        window_s: length of the window in seconds.
        most: most posts that are looked at.
        detector_digest: logits of different detectors are kept apart.
        calibration: makes log-odds of logits.
    """

    def __init__(self, window_s: int, most: int, detector_digest: str, calibration: Calibration) -> None:
        self._detector = detector_digest[:16]
        self.script = _SCRIPT
        self._calibration = calibration
        slope, intercept = (1.0, 0.0) if calibration.by_length else (calibration.slope, calibration.intercept)
        self.constants: tuple[str, ...] = (
            *constants(window_s, 2 * most),
            f"{most}",
            f"{slope!r}",
            f"{intercept!r}",
            f"{CLIP!r}",
        )

    def rows(self, batch: Sequence[Facts]) -> list[Row | None]:
        """The author's key, and what was said of which post."""
        return [
            Row(
                (f"{self._detector}:{name_of(facts.post.author.id).hex()}",),
                _ROW.pack(
                    facts.at,
                    name_of(facts.post.id),
                    bytes.fromhex(facts.digest[:8]),
                    self._kept(facts),
                    facts.covered,
                ),
            )
            if facts.post.author is not None
            else None
            for facts in batch
        ]

    def _kept(self, facts: Facts) -> float:
        if not self._calibration.by_length:
            return facts.logit
        return self._calibration.log_odds(facts.logit, facts.tokens)

    def value(self, reply: Any) -> float | None:
        """The value, between -`CLIP` and `CLIP`; positive: machine."""
        if reply is None:
            return None
        count, total = reply.split()
        return float(total) / (int(count) + SHRINKAGE) if int(count) >= FEWEST else None
