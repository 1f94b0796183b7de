"""The Fourier transform extension."""
