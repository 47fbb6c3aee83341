namespace Gateway.Core.Overflow.Replicas;

/// <summary>A request on its way to a replica; exactly one of the methods tells how it ended.</summary>
/// <remarks><b>Threading</b>: one caller.</remarks>
public readonly struct Sending(Replica replica, RemoteQueue queue, ReplicaHealth health, Hop hop)
{
    // Times the age at which a report says nothing any more.
    private const int MissedReports = 3;

    public Replica Replica { get; } = replica;

    /// <summary>Whether it tries a replica that was thrown out.</summary>
    public bool IsTrial => hop.IsTrial;

    /// <summary>Whether its answer is not worth waiting for any more, however long there is: the replica was thrown out since, or is asked for reports and has given none for a time.</summary>
    public bool IsHopeless(Fleet fleet, long now) => health.HasChangedSince(hop) || (Replica.IsAsked && now - Replica.LastReportAt > MissedReports * fleet.MaximumAge);

    /// <summary>The replica has answered: with a result, or with an error that is the request's own.</summary>
    public void Answer(Fleet fleet, long now)
    {
        queue.End();
        Replica.Counts.CountAnswered();
        health.Succeed(now);
        fleet.Retries.Earn();
    }

    /// <summary>It could not serve it in time, which is an answer, too.</summary>
    public void Refuse(long now)
    {
        queue.End();
        Replica.Counts.CountRefused();
        health.Succeed(now);
    }

    /// <summary>No connection, half an answer, or one that makes no sense.</summary>
    public void Fail(long now, bool isRefusedConnection, bool mayEject)
    {
        queue.End();
        Replica.Counts.CountFailed();
        health.Fail(now, hop, isRefusedConnection, mayEject);
    }

    /// <summary>No answer in the time of the hop.</summary>
    public void TimeOut(Fleet fleet, long now, bool mayEject)
    {
        queue.End();
        Replica.Counts.CountTimedOut();
        health.Fail(now, hop, isRefusedConnection: false, mayEject, isSlow: now - Replica.LastReportAt <= fleet.MaximumAge);
    }

    /// <summary>Its client has gone.</summary>
    public void Abandon()
    {
        queue.End();
        Replica.Counts.CountAbandoned();
        health.Abandon(hop);
    }
}
