"""People's judgements: stimuli, trials, rounds, answers and what follows from them."""
