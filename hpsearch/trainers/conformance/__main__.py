"""The process of one training: ``python -m hpsearch.trainers.conformance PLAN OBSERVATION``."""

import pickle
import sys
from pathlib import Path

from hpsearch.foundations.files import write_atomically
from hpsearch.trainers.conformance.observation import observe

plan, observation = map(Path, sys.argv[1:])
write_atomically(observation, pickle.dumps(observe(pickle.loads(plan.read_bytes()))))
