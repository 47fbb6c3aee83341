using Gateway.Core.Models;
using Gateway.UnitTests.Grpc;
using Gateway.UnitTests.OpenInference;

namespace Gateway.UnitTests.Protocols;

/// <summary>Times of every kind in every place where a client can say one, and what a request that cannot be in time is told there.</summary>
public sealed class DeadlineCarrierTests : IAsyncLifetime
{
    private readonly ManualResetEventSlim _gate = new();
    private GrpcServer _server = null!;
    private CarrierCall _call = null!;

    public static TheoryData<string> Carriers => [.. CarrierCall.All];

    public async ValueTask InitializeAsync()
    {
        _server = await GrpcServer.StartAsync();
        _call = new CarrierCall(_server);
    }

    public async ValueTask DisposeAsync()
    {
        _gate.Set();
        await _server.DisposeAsync();
        _gate.Dispose();
    }

    // Below 0: named. More than there is: as much as it likes. Over as it comes: refused or expired, or in time all the same. Whatever came of it, the next is served.
    [Theory]
    [MemberData(nameof(Carriers))]
    public async Task Time_OfEveryKind_HasAClearAnswer(string carrier)
    {
        bool isUnit = carrier == "grpc-timeout";
        bool isHeader = carrier.EndsWith(" header", StringComparison.Ordinal);

        (bool isOk, string error) = await _call.SendAsync("any", carrier, isUnit ? "-1S" : "-1");
        Assert.False(isOk);
        Assert.Contains(isHeader ? "Inference-Timeout-Ms" : "timeout", error, StringComparison.Ordinal);
        foreach (string much in isUnit ? ["99999999H"] : isHeader ? ["86400000", "99999999999999999999999999"] : (string[])["9223372036854775807", "18446744073709551615"])
        {
            Assert.Equal((true, ""), await _call.SendAsync("any", carrier, much));
        }

        (isOk, error) = await _call.SendAsync("any", carrier, isUnit ? "1n" : isHeader ? "0.0001" : "1");
        Assert.True(isOk || error.Contains("Request timeout expired", StringComparison.Ordinal) || error.Contains("Request would be finished after", StringComparison.Ordinal) || error == "Deadline Exceeded", error);
        Assert.Equal((true, ""), await _call.SendAsync("any", carrier, null));
    }

    [Theory]
    [MemberData(nameof(Carriers))]
    public async Task BehindOthers_ItsRefusalSaysHowMany(string carrier)
    {
        // One run takes 200 s by the profile: a fourth behind three would be finished after 1000 s at the earliest.
        ServedModel model = _server.Server.AddGated(_gate);
        model.Batcher.Latency.Profile(1, 200 * TimeProvider.System.TimestampFrequency);
        model.Batcher.Latency.EndProfile();
        List<Task<(bool IsOk, string Error)>> others = [_call.SendAsync("gated", "HTTP header", null)];
        await Eventually.TrueAsync(() => model.Batcher.Statistics.Snapshot().Accepted == 1 && model.Batcher.PendingRequests == 0, "one runs");
        for (int i = 0; i < 3; i++) others.Add(_call.SendAsync("gated", "HTTP header", "1000000"));
        await Eventually.TrueAsync(() => model.Batcher.PendingRequests == 3, "three wait");

        (bool isOk, string error) = await _call.SendAsync("gated", carrier, carrier == "grpc-timeout" ? "1000S" : carrier.EndsWith(" header", StringComparison.Ordinal) ? "1000000" : "1000000000");

        Assert.False(isOk);
        Assert.Matches(@"Request would be finished after 1\d{6}\.\d{3} ms, behind 3 rows, and its deadline is [\d.]+ ms", error);
        _gate.Set();
        Assert.All(await Task.WhenAll(others), other => Assert.Equal((true, ""), other));
    }

    [Theory]
    [MemberData(nameof(Carriers))]
    public async Task FullQueue_ItsRefusalSaysHowManyWait(string carrier)
    {
        ServedModel model = _server.Server.AddGated(_gate, maxQueueRequests: 2);
        List<Task<(bool IsOk, string Error)>> others = [_call.SendAsync("gated", carrier, null)];
        await Eventually.TrueAsync(() => model.Batcher.Statistics.Snapshot().Accepted == 1 && model.Batcher.PendingRequests == 0, "one runs");
        for (int i = 0; i < 2; i++) others.Add(_call.SendAsync("gated", carrier, null));
        await Eventually.TrueAsync(() => model.Batcher.IsFull, "two wait");

        (bool isOk, string error) = await _call.SendAsync("gated", carrier, null);

        Assert.False(isOk);
        Assert.Contains("[request id: <id_unknown>] Exceeds maximum queue size, behind 2 requests", error, StringComparison.Ordinal);
        _gate.Set();
        Assert.All(await Task.WhenAll(others), other => Assert.Equal((true, ""), other));
    }
}
