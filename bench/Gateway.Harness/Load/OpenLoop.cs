using System.Net;

namespace Gateway.Harness.Load;

/// <summary>Sends calls over frames at random times of a given mean rate (a Poisson process), whether or not those before have been answered.</summary>
internal static class OpenLoop
{
    /// <param name="perSecond">Mean rate.</param>
    /// <param name="deadline">Time for an answer, as the client sees it.</param>
    public static OpenLoopResult Run(IPEndPoint server, FrameExchange exchange, double perSecond, TimeSpan deadline, double seconds, int seed, Func<TimeSpan> serverCpu) =>
        Run(server, new OfferedLoad(perSecond, [new OfferedClass(exchange, deadline)]), seconds, seed, serverCpu);

    public static OpenLoopResult Run(IPEndPoint server, OfferedLoad load, double seconds, int seed, Func<TimeSpan> serverCpu)
    {
        using OpenLoopRun run = new(server, load, seconds, seed);
        return run.Run(serverCpu);
    }
}
