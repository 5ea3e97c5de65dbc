// MediaSecurity
