using System.Net;
using Gateway.Core.Overflow;
using Gateway.Server.Proxy.Resilience;
using Microsoft.AspNetCore.Http;
using Polly.CircuitBreaker;
using Polly.Timeout;

namespace Gateway.UnitTests.Proxy;

public sealed class ResilienceTests
{
    public static TheoryData<string, Exception, bool, bool, bool> Errors => new()
    {
        // what, error; is the upstream's; may be repeated if nothing is known of it; if it is idempotent
        { "refused", new HttpRequestException(HttpRequestError.ConnectionError), true, true, true },
        { "no name", new HttpRequestException(HttpRequestError.NameResolutionError), true, true, true },
        { "no trust", new HttpRequestException(HttpRequestError.SecureConnectionError), true, true, true },
        { "half an answer", new HttpRequestException(HttpRequestError.ResponseEnded), true, false, true },
        { "garbage", new HttpRequestException(HttpRequestError.InvalidResponse), true, false, true },
        { "late", new TimeoutRejectedException(), true, false, true },
        { "open", new BrokenCircuitException(), false, true, true },
        { "client's", new HttpRequestException("", new IOException("", new BadHttpRequestException("", 413))), false, false, false },
        { "cancelled", new OperationCanceledException(), false, false, false },
    };

    [Theory]
    [MemberData(nameof(Errors))]
    public void Failures_EachError_IsTold(string what, Exception error, bool isUpstreams, bool repeatsAny, bool repeatsIdempotent)
    {
        Assert.True(isUpstreams == Failures.IsUpstreams(null, error, clientGone: false), what);
        Assert.True(repeatsAny == Failures.MayRepeat(null, error, isRepeatable: false), what);
        Assert.True(repeatsIdempotent == Failures.MayRepeat(null, error, isRepeatable: true), what);
        Assert.False(Failures.IsUpstreams(null, error, clientGone: true), what);
    }

    [Theory]
    [InlineData(200, false, false)]
    [InlineData(429, false, false)]
    [InlineData(500, true, false)]
    [InlineData(502, true, true)]
    [InlineData(503, true, true)]
    [InlineData(504, true, true)]
    public void Failures_EachStatus_IsTold(int status, bool isUpstreams, bool repeats)
    {
        using HttpResponseMessage response = new((HttpStatusCode)status);

        Assert.Equal(isUpstreams, Failures.IsUpstreams(response, null, clientGone: false));
        Assert.Equal(repeats, Failures.MayRepeat(response, null, isRepeatable: true));
        Assert.False(Failures.MayRepeat(response, null, isRepeatable: false));
    }

    [Fact]
    public void RetryBudget_ManyRequests_GivesItsShareAndTheFirstTen()
    {
        RetryBudget budget = new(0.1, ClusterGuards.MostSavedRetries);
        int given = 0;
        for (int i = 0; i < 1000; i++)
        {
            budget.Earn();
            if (budget.TrySpend()) given++;
        }

        Assert.InRange(given, 109, 110);
    }

    [Fact]
    public void RetryBudget_AfterAQuietTime_HasSavedTen()
    {
        RetryBudget budget = new(1, ClusterGuards.MostSavedRetries);
        for (int i = 0; i < 1000; i++) budget.Earn();

        Assert.Equal(ClusterGuards.MostSavedRetries, Enumerable.Range(0, 100).Count(_ => budget.TrySpend()));
    }
}
