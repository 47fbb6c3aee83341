namespace Gateway.Core.Execution;

/// <summary>Memory that outputs lie in, counted by its readers: the last <see cref="Release"/> lets it be used again.</summary>
/// <remarks><b>Threading</b>: any thread.</remarks>
public interface IOutputLease
{
    void AddReference();

    void Release();
}
