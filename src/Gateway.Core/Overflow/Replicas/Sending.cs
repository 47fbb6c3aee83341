namespace Gateway.Core.Overflow.Replicas;

/// <summary>A request on its way to a replica; exactly one of the methods tells how it ended.</summary>
/// <remarks><b>Threading</b>: one caller.</remarks>
public readonly struct Sending(Replica replica, RemoteQueue queue, bool isProbe)
{
    public Replica Replica { get; } = replica;

    /// <summary>The replica has answered: with a result, or with an error that is the request's own.</summary>
    public void Answer(Fleet fleet, long now)
    {
        queue.End();
        Replica.Counts.CountAnswered();
        Replica.Health.Succeed(now);
        fleet.Retries.Earn();
    }

    /// <summary>It could not serve it in time, which is an answer, too.</summary>
    public void Refuse(long now)
    {
        queue.End();
        Replica.Counts.CountRefused();
        Replica.Health.Succeed(now);
    }

    /// <summary>No connection, half an answer, or one that makes no sense.</summary>
    public void Fail(long now, bool isRefusedConnection, bool mayEject)
    {
        queue.End();
        Replica.Counts.CountFailed();
        Replica.Health.Fail(now, isRefusedConnection, mayEject);
    }

    /// <summary>No answer in the time of the hop.</summary>
    public void TimeOut(long now, bool mayEject)
    {
        queue.End();
        Replica.Counts.CountTimedOut();
        Replica.Health.Fail(now, isRefusedConnection: false, mayEject);
    }

    /// <summary>Its client has gone.</summary>
    public void Abandon()
    {
        queue.End();
        Replica.Counts.CountAbandoned();
        Replica.Health.Abandon(isProbe);
    }
}
