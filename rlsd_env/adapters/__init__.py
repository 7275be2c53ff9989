"""Tasks and verifiers in other people's trainers, and other people's environments as tasks; a module for each.

Trainers that sample themselves get rows and a reward: `trl`, `ms_swift`, `verl`, `easyr1`. A row names its task and
holds no answer: the reward finds the reference by that name. What drives episodes itself is served: `openenv`, on which
`prime` has another package called verifiers play. `scorer` judges what an evaluation has sampled. The other way round
`foreign` has any `gymnasium.Env` with text, pictures and text actions trained by the agents here, and `texts` has
wrappers for those that speak otherwise.

A verifier that fails gives no reward. Each module says what its trainer makes of that; none makes it 0.
"""
