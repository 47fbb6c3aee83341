namespace Gateway.Core.Overflow.Replicas;

/// <summary>What requests go to a replica over: each has connections, ports and code of its own, so each is well or not by itself.</summary>
public enum ReplicaTransport
{
    Http,
    Grpc,
}
