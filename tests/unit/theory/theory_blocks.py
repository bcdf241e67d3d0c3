"""The scenarios and sweeps whose figures docs/theory.md reports, as they would stand in params.yaml."""

HETEROGENEOUS = {
    "p": 100, "r": 3, "T": 40, "n": 50, "n_u": 500, "n_target": 20, "target_signal": 2.0,
    "signals": [3.0, 0.3], "shares": [0.2, 0.8],
    "eps_l2": 2.2, "eps_l2_pseudo": 2.0, "eps_linf_noise": 0.75,
}  # fmt: skip
SPARSE = {
    "p": 500, "r": 3, "T": 20, "n": 50, "n_u": 500, "n_target": 20, "target_signal": 2.0,
    "signals": [2.0], "support": 5, "eps_l2": 1.0, "eps_linf_noise": 0.75,
}  # fmt: skip
HOMOGENEOUS = {
    "p": 100, "r": 3, "T": 40, "n": 50, "n_u": 500, "n_target": 20, "target_signal": 2.0,
    "signals": [2.0], "eps_l2": 1.0, "eps_linf_noise": 0.75,
}  # fmt: skip
SILENT = {
    "p": 100, "r": 3, "T": 400, "n": 50, "n_u": 500, "n_target": 20, "target_signal": 2.0,
    "signals": [2.0, 0.0], "shares": [0.025, 0.975],
    "eps_l2": 2.2, "eps_l2_pseudo": 1.5, "eps_linf_noise": 0.75,
}  # fmt: skip
MILD = {
    "p": 100, "r": 3, "T": 40, "n": 50, "n_u": 500, "n_target": 20, "target_signal": 2.0,
    "signals": [2.0, 0.6], "shares": [0.2, 0.8],
    "eps_l2": 1.9, "eps_l2_pseudo": 1.5, "eps_linf_noise": 0.75,
}  # fmt: skip
SCENARIOS = {
    "heterogeneous_dense": HETEROGENEOUS,
    "homogeneous_sparse": SPARSE,
    "homogeneous_dense": HOMOGENEOUS,
    "nearly_all_silent": SILENT,
    "mild_heterogeneity": MILD,
}

# name -> (scenario, parameter, values, variants)
SWEEPS = {
    "n": (HOMOGENEOUS, "n", [25, 50, 100, 200, 400], ["clean", "plain_svd"]),
    "p": (HOMOGENEOUS, "p", [50, 100, 200, 400], ["clean"]),
    "T": (HOMOGENEOUS, "T", [10, 20, 40, 80, 160], ["clean"]),
    "r": (HOMOGENEOUS, "r", [1, 2, 3, 5, 8], ["clean"]),
    "n_u": (HOMOGENEOUS, "n_u", [125, 250, 500, 1000, 2000], ["pseudo"]),
    "n_target": (HOMOGENEOUS, "n_target", [5, 10, 20, 40, 80, 160], ["clean", "oracle"]),
    "signal": (HETEROGENEOUS, "signal", [3, 4, 6, 8, 12], ["clean", "adversarial_l2", "plain_svd"]),
    "n_u_l2": (HETEROGENEOUS, "n_u", [125, 250, 500, 1000, 2000], ["pseudo_l2"]),
    "p_linf": (SPARSE, "p", [125, 250, 500, 1000, 2000], ["clean", "adversarial_linf"]),
    "n_linf": (SPARSE, "n", [25, 50, 100, 200, 400], ["adversarial_linf"]),
    "T_linf": (SPARSE, "T", [10, 20, 40, 80], ["adversarial_linf"]),
    "signal_linf": (SPARSE, "signal", [2, 3, 4, 6, 8], ["adversarial_linf"]),
    "support": (SPARSE, "support", [5, 10, 20, 40], ["adversarial_linf"]),
}

# The same sweeps where the asymptotics are nearer: more signal, more points or more tasks.
LARGER = {
    "n": (HOMOGENEOUS, "n", [400, 800, 1600, 3200], ["clean", "plain_svd"]),
    "p": ({**HOMOGENEOUS, "n": 1600, "T": 320}, "p", [200, 400, 800, 1600], ["clean"]),
    "T": ({**HOMOGENEOUS, "n": 200}, "T", [80, 160, 320, 640], ["clean"]),
    "r": ({**HOMOGENEOUS, "p": 400, "n": 400, "T": 800}, "r", [1, 2, 3, 5, 8], ["clean"]),
    "n_u": ({**HOMOGENEOUS, "signals": [4.0], "n": 20}, "n_u", [500, 1000, 2000, 4000, 8000], ["pseudo"]),
    "n_target": (HOMOGENEOUS, "n_target", [40, 80, 160, 320, 640], ["clean", "oracle"]),
    "signal": ({**HETEROGENEOUS, "T": 200}, "signal", [4, 6, 8, 12, 16], ["adversarial_l2", "plain_svd"]),
    "n_u_l2": ({**HETEROGENEOUS, "T": 100, "signals": [5.0, 0.3], "n": 20, "eps_l2_pseudo": 3.0},
               "n_u", [500, 1000, 2000, 4000], ["pseudo_l2"]),
    "n_linf": (SPARSE, "n", [400, 800, 1600, 3200], ["adversarial_linf"]),
    "T_linf": (SPARSE, "T", [80, 160, 320, 640], ["adversarial_linf"]),
    "signal_linf": (SPARSE, "signal", [8, 12, 16, 24, 32], ["adversarial_linf"]),
    "support": ({**SPARSE, "n": 3200}, "support", [20, 40, 80, 160], ["adversarial_linf"]),
}  # fmt: skip
