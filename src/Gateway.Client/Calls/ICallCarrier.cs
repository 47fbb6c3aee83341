namespace Gateway.Client.Calls;

/// <summary>What a call has been handed to and is in flight on.</summary>
internal interface ICallCarrier
{
    /// <summary>Ends a call at once with that failure, unless it has ended; what the server still answers is dropped.</summary>
    void Abandon(PendingCall call, CallFailure failure);
}
