namespace Gateway.Server.OpenInference;

/// <summary>A binary tensor that follows the JSON part of a request: for which input, how long, and where in the request's block it goes.</summary>
internal struct Blob
{
    public int Input;
    public int Offset;
    public int Length;
}
