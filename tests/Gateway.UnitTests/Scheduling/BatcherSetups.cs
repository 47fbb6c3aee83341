using Gateway.Core.Scheduling;
using Gateway.Protocol;
using Gateway.TestSupport;

namespace Gateway.UnitTests.Scheduling;

/// <summary>Models whose batches run on command, on a clock that the test moves.</summary>
internal static class BatcherSetups
{
    /// <summary>A model of up to 4 rows a batch that never waits for company.</summary>
    public static readonly BatchingPolicy Policy = new() { MaxBatchRows = 4, FollowsLatencyCurve = false };

    public static TestModelSetup Puppets(PuppetStage stage, ManualTimeProvider time, BatchingPolicy? policy = null) =>
        new() { CreateExecutor = stage.CreateExecutor, Time = time, Policy = policy ?? Policy };

    /// <summary>Lets the model know of itself that a batch takes a tenth of a second, and a millisecond more a row.</summary>
    public static void ProfileTenths(this TestModel model, ManualTimeProvider time)
    {
        for (int rows = 1; rows <= Policy.MaxBatchRows; rows++) model.Batcher.Latency.Profile(rows, time.Ticks(TimeSpan.FromMilliseconds(100 + rows)));
        model.Batcher.Latency.EndProfile();
    }

    /// <summary>Fails the test unless a request was answered with the played model's rows.</summary>
    public static async Task AssertServedAsync(Sent sent, params long[] values)
    {
        Answer answer = await sent.AnswerAsync();
        Assert.Equal((StatusCode.Ok, null), (answer.Status, answer.Error));
        Assert.Equal(values.Select(PuppetRun.Answer), answer.Values);
        Assert.Equal([values.Length, 1], answer.Shape.Dims.ToArray());
    }

    public static async Task AssertRefusedAsync(Sent sent, StatusCode status, string error)
    {
        Answer answer = await sent.AnswerAsync();
        Assert.Equal((status, error), (answer.Status, answer.Error));
    }

    /// <summary>A request that asks for a queue time-out.</summary>
    public static Sent SendWithTimeout(this TestModel model, long microseconds, params long[] values)
    {
        var request = model.Request(values);
        request.LimitTime(microseconds);
        return model.Send(request);
    }

    public static Sent SendAtLevel(this TestModel model, int priority, params long[] values)
    {
        var request = model.Request(values);
        request.Priority = priority;
        return model.Send(request);
    }
}
