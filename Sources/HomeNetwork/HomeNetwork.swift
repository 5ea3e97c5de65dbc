// HomeNetwork
