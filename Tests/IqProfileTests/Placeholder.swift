// IqProfile
