/* SPDX-License-Identifier: BSD-2-Clause */
/* What chance alone does: tails of distributions. */
#include "measure/measure.h"

#include <float.h>
#include <math.h>

/* Terms that the incomplete gamma function may need: some times the root of its parameter. */
#define TERMS_MAX 100000

/* x^a e^-x / gamma(a), without overflow. */
static double gamma_factor(double a, double x)
{
	return exp(a * log(x) - x - lgamma(a));
}

/* The lower part, by its series; good for x < a + 1. */
static double lower_gamma(double a, double x)
{
	double term = 1 / a;
	double sum = term;

	for (int n = 1; n < TERMS_MAX && term > sum * DBL_EPSILON; n++) {
		term *= x / (a + n);
		sum += term;
	}
	return sum * gamma_factor(a, x);
}

static double away_from_zero(double value)
{
	return fabs(value) < DBL_MIN ? DBL_MIN : value;
}

/* The upper part, by its continued fraction (Lentz); good for x >= a + 1. */
static double upper_gamma(double a, double x)
{
	double b = x + 1 - a;
	double c = 1 / DBL_MIN;
	double d = 1 / b;
	double fraction = d;

	for (int n = 1; n < TERMS_MAX; n++) {
		double numerator = -n * (n - a);
		double change;

		b += 2;
		d = 1 / away_from_zero(numerator * d + b);
		c = away_from_zero(b + numerator / c);
		change = c * d;
		fraction *= change;
		if (fabs(change - 1) < DBL_EPSILON)
			break;
	}
	return fraction * gamma_factor(a, x);
}

/* Regularised: the share of gamma(a) that lies above x. */
static double gamma_tail(double a, double x)
{
	if (x <= 0)
		return 1;
	return x < a + 1 ? 1 - lower_gamma(a, x) : upper_gamma(a, x);
}

double measure_chi_square_tail(double chi_square, double freedom)
{
	return gamma_tail(freedom / 2, chi_square / 2);
}

double measure_normal_tails(double z)
{
	return erfc(fabs(z) / sqrt(2));
}

double measure_poisson_tail(size_t count, double mean)
{
	if (count == 0)
		return 1;
	/* Taken from the side where it does not cancel. */
	if (mean <= 0)
		return 0;
	return mean < (double)count + 1 ? lower_gamma((double)count, mean) :
					  1 - upper_gamma((double)count, mean);
}

/*
 * The logarithm of the probability that no run of `length` successes comes in `tries` of them
 * (Feller, XIII.7; x is a root near 1).
 */
static double log_no_run(double p, double length, double tries)
{
	double q = 1 - p;
	double x = 1;
	double log_probability;

	for (int i = 0; i < 65; i++)
		x = 1 + q * pow(p, length) * pow(x, length + 1);
	log_probability = log((1 - p * x) / ((length + 1 - length * x) * q)) - (tries + 1) * log(x);
	return isfinite(log_probability) ? log_probability : -HUGE_VAL;
}

double measure_run_bound(size_t run, size_t tries)
{
	double low = 0, high = 1;

	if (run >= tries)
		return 1;
	for (int i = 0; i < 60; i++) {
		double middle = (low + high) / 2;

		if (log_no_run(middle, (double)run + 1, (double)tries) > log(0.99))
			low = middle;
		else
			high = middle;
	}
	return low;
}
