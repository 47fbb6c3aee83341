namespace Gateway.Load.Carriers;

/// <summary>Is told what became of calls.</summary>
internal interface ICallSink
{
    /// <param name="call">The number that the call was sent with; it may be used again from now on.</param>
    void OnAnswer(int call, in CallAnswer answer);
}
