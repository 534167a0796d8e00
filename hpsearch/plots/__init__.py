"""PLACEHOLDER until the real room arrives."""
def plot_learning_curves(*a): return None
def plot_study(study): return {}
def save_figure(f, p): p.write_bytes(b"x")
def save_png(f, p): p.write_bytes(b"x")
def weight_tiles(*a): return None
